; SHA-1 (RFC 3174), one block.
%include "romgen.inc"
%include "hash.inc"

extern hash_work, hash_block

TABLE hash, 06
        db      6, 20, 1
        dw      sha1_start, sha1_transform

SHA1_ROUND      equ 20          ; steps in a round

CODE sha1

;---------------------------------------------------------------------------
; sha1_transform - 80 steps over hash_block, which is overwritten
; in:       hash_work = a, b, c, d, e; hash_block = 16 words
; out:      hash_work
; clobbers: EAX, ECX, EDX, ESI, EDI, EBP, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
sha1_transform:
        push    bx
        xor     bp, bp                          ; step
.step:
        mov     di, bp
        and     di, 15
        shl     di, 2
        mov     esi, [hash_block + di]
        cmp     bp, 16
        jb      .word
        mov     bx, di                          ; w = rol 1 of the words 16, 14, 8 and 3 before
        add     bx, 2 * 4
        and     bx, 15 * 4
        xor     esi, [hash_block + bx]
        add     bx, 6 * 4
        and     bx, 15 * 4
        xor     esi, [hash_block + bx]
        add     bx, 5 * 4
        and     bx, 15 * 4
        xor     esi, [hash_block + bx]
        rol     esi, 1
        mov     [hash_block + di], esi
.word:
        mov     eax, [hash_work + 4]            ; b
        mov     ecx, [hash_work + 8]            ; c
        mov     edx, [hash_work + 12]           ; d
        cmp     bp, SHA1_ROUND
        jb      .choose
        cmp     bp, 2 * SHA1_ROUND
        jb      .parity1
        cmp     bp, 3 * SHA1_ROUND
        jb      .majority
        add     esi, 0xCA62C1D6
        jmp     .parity
.parity1:
        add     esi, 0x6ED9EBA1
.parity:
        xor     eax, ecx
        xor     eax, edx
        jmp     .add
.choose:
        add     esi, 0x5A827999
        xor     ecx, edx                        ; d ^ (b & (c ^ d))
        and     eax, ecx
        xor     eax, edx
        jmp     .add
.majority:
        add     esi, 0x8F1BBCDC
        mov     edi, eax                        ; (b & c) | (d & (b | c))
        and     edi, ecx
        or      eax, ecx
        and     eax, edx
        or      eax, edi
.add:
        add     eax, esi
        add     eax, [hash_work + 16]           ; e
        mov     ecx, [hash_work]                ; a
        mov     edx, ecx
        rol     edx, 5
        add     eax, edx
        mov     [hash_work], eax
        xchg    [hash_work + 4], ecx            ; a moves to b, rol 30 of b to c, c to d, d to e
        ror     ecx, 2
        xchg    [hash_work + 8], ecx
        xchg    [hash_work + 12], ecx
        mov     [hash_work + 16], ecx
        inc     bp
        cmp     bp, 4 * SHA1_ROUND
        jb      .step
        pop     bx
        ret

RODATA sha1
sha1_start:
        dd      0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0, 0, 0, 0
