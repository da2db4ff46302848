; SHA-256 (FIPS 180-4), one block.
%include "romgen.inc"
%include "hash.inc"

extern hash_work, hash_block

TABLE hash, 07
        db      7, 32, 1
        dw      sha256_start, sha256_transform

; SIGMA dest, temp, a, b, c: dest = ror a ^ ror b ^ ror c of dest
%macro SIGMA 5
        mov     %2, %1
        ror     %2, %3
        ror     %1, %4
        xor     %2, %1
        ror     %1, %5 - %4
        xor     %1, %2
%endmacro

; SIGMA_SHIFT dest, temp, a, b, c: dest = ror a ^ ror b ^ shr c of dest
%macro SIGMA_SHIFT 5
        mov     %2, %1
        ror     %2, %3
        push    %2
        ror     %2, %4 - %3
        shr     %1, %5
        xor     %1, %2
        pop     %2
        xor     %1, %2
%endmacro

CODE sha256

;---------------------------------------------------------------------------
; sha256_transform - 64 steps over hash_block, which is overwritten
; in:       hash_work = a .. h; hash_block = 16 words
; out:      hash_work
; clobbers: EAX, ECX, EDX, ESI, EDI, EBP, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
sha256_transform:
        push    bx
        xor     bp, bp                          ; step
.step:
        mov     di, bp
        and     di, 15
        shl     di, 2
        mov     esi, [hash_block + di]
        cmp     bp, 16
        jb      .word
        mov     bx, di                          ; w += s0(15 before) + 7 before + s1(2 before)
        add     bx, 1 * 4
        and     bx, 15 * 4
        mov     eax, [hash_block + bx]
        SIGMA_SHIFT eax, ecx, 7, 18, 3
        add     esi, eax
        add     bx, 8 * 4
        and     bx, 15 * 4
        add     esi, [hash_block + bx]
        add     bx, 5 * 4
        and     bx, 15 * 4
        mov     eax, [hash_block + bx]
        SIGMA_SHIFT eax, ecx, 17, 19, 10
        add     esi, eax
        mov     [hash_block + di], esi
.word:
        mov     di, bp
        shl     di, 2
        add     esi, [cs:sha256_constants + di]
        add     esi, [hash_work + 28]           ; h
        mov     eax, [hash_work + 16]           ; e
        mov     ecx, [hash_work + 24]           ; g ^ (e & (f ^ g))
        mov     edx, [hash_work + 20]
        xor     edx, ecx
        and     edx, eax
        xor     edx, ecx
        add     esi, edx
        SIGMA   eax, ecx, 6, 11, 25
        add     esi, eax                        ; first sum
        mov     eax, [hash_work]                ; a
        mov     ecx, [hash_work + 4]            ; majority of a, b, c
        mov     edx, eax
        and     edx, ecx
        or      ecx, eax
        and     ecx, [hash_work + 8]
        or      edx, ecx
        SIGMA   eax, ecx, 2, 13, 22
        add     edx, eax                        ; second sum
        mov     eax, esi
        add     eax, edx                        ; the new a; all others move on by one
        mov     di, hash_work
.move:
        xchg    [di], eax
        add     di, 4
        cmp     di, hash_work + 32
        jb      .move
        add     [hash_work + 16], esi           ; e = d + first sum
        inc     bp
        cmp     bp, 64
        jb      .step
        pop     bx
        ret

RODATA sha256
sha256_start:                           ; fractions of the square roots of the first 8 primes
        dd      0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A
        dd      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19
sha256_constants:                       ; fractions of the cube roots of the first 64 primes
        dd      0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5
        dd      0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5
        dd      0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3
        dd      0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174
        dd      0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC
        dd      0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA
        dd      0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7
        dd      0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967
        dd      0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13
        dd      0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85
        dd      0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3
        dd      0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070
        dd      0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5
        dd      0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3
        dd      0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208
        dd      0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2
