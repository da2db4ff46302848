; MD5 (RFC 1321), one block.
%include "romgen.inc"
%include "hash.inc"

extern hash_work, hash_block

TABLE hash, 05
        db      5, 16, 0
        dw      md5_start, md5_transform

CODE md5

;---------------------------------------------------------------------------
; md5_transform - 64 steps over hash_block
; in:       hash_work = a, b, c, d; hash_block = 16 words
; out:      hash_work
; clobbers: EAX, ECX, EDX, ESI, EDI, EBP, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
md5_transform:
        push    bx
        xor     bp, bp                          ; step
.step:
        mov     eax, [hash_work + 4]            ; b
        mov     ecx, [hash_work + 8]            ; c
        mov     edx, [hash_work + 12]           ; d
        mov     bx, bp
        shr     bx, 4                           ; round
        mov     di, bp                          ; word: i, 5i+1, 3i+5, 7i
        jz      .round1
        dec     bx
        jz      .round2
        dec     bx
        jz      .round3
        not     edx                             ; c ^ (b | ~d)
        or      eax, edx
        xor     eax, ecx
        imul    di, 7
        jmp     .add
.round1:
        xor     ecx, edx                        ; d ^ (b & (c ^ d))
        and     eax, ecx
        xor     eax, edx
        jmp     .add
.round2:
        xor     eax, ecx                        ; c ^ (d & (b ^ c))
        and     eax, edx
        xor     eax, ecx
        imul    di, 5
        inc     di
        jmp     .add
.round3:
        xor     eax, ecx                        ; b ^ c ^ d
        xor     eax, edx
        imul    di, 3
        add     di, 5
.add:
        and     di, 15
        shl     di, 2
        add     eax, [hash_block + di]
        add     eax, [hash_work]                ; a
        mov     di, bp
        shl     di, 2
        add     eax, [cs:md5_sines + di]
        mov     di, bp
        mov     bx, bp
        and     di, 3
        shr     bx, 4
        shl     bx, 2
        add     di, bx
        mov     cl, [cs:md5_shifts + di]
        rol     eax, cl
        mov     ecx, [hash_work + 4]
        add     eax, ecx                        ; the new b
        xchg    [hash_work + 4], eax            ; b moves to c, c to d, d to a
        xchg    [hash_work + 8], eax
        xchg    [hash_work + 12], eax
        mov     [hash_work], eax
        inc     bp
        cmp     bp, 64
        jb      .step
        pop     bx
        ret

RODATA md5
md5_start:
        dd      0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0, 0, 0, 0
md5_shifts:
        db      7, 12, 17, 22,  5, 9, 14, 20,  4, 11, 16, 23,  6, 10, 15, 21
md5_sines:                              ; floor(2^32 * |sin(i + 1)|)
        dd      0xD76AA478, 0xE8C7B756, 0x242070DB, 0xC1BDCEEE
        dd      0xF57C0FAF, 0x4787C62A, 0xA8304613, 0xFD469501
        dd      0x698098D8, 0x8B44F7AF, 0xFFFF5BB1, 0x895CD7BE
        dd      0x6B901122, 0xFD987193, 0xA679438E, 0x49B40821
        dd      0xF61E2562, 0xC040B340, 0x265E5A51, 0xE9B6C7AA
        dd      0xD62F105D, 0x02441453, 0xD8A1E681, 0xE7D3FBC8
        dd      0x21E1CDE6, 0xC33707D6, 0xF4D50D87, 0x455A14ED
        dd      0xA9E3E905, 0xFCEFA3F8, 0x676F02D9, 0x8D2A4C8A
        dd      0xFFFA3942, 0x8771F681, 0x6D9D6122, 0xFDE5380C
        dd      0xA4BEEA44, 0x4BDECFA9, 0xF6BB4B60, 0xBEBFBC70
        dd      0x289B7EC6, 0xEAA127FA, 0xD4EF3085, 0x04881D05
        dd      0xD9D4D039, 0xE6DB99E5, 0x1FA27CF8, 0xC4AC5665
        dd      0xF4292244, 0x432AFF97, 0xAB9423A7, 0xFC93A039
        dd      0x655B59C3, 0x8F0CCC92, 0xFFEFF47D, 0x85845DD1
        dd      0x6FA87E4F, 0xFE2CE6E0, 0xA3014314, 0x4E0811A1
        dd      0xF7537E82, 0xBD3AF235, 0x2AD7D2BB, 0xEB86D391
