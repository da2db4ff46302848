; The internet checksum (RFC 1071).
%include "romgen.inc"

global checksum_add:function
global checksum_fold:function
global checksum_whole:function

CODE checksum
;---------------------------------------------------------------------------
; checksum_add - add bytes to a running sum
; in:       ES:SI = bytes, not beyond the end of the segment; CX = count (odd only in the last piece);
;           EAX = running sum, 0 to begin
; out:      EAX = running sum: the words added with the carry brought round, not folded
; clobbers: EAX, flags
; needs:    nothing
;---------------------------------------------------------------------------
; Dwords are added: 2^32 - 1 is a multiple of 2^16 - 1, so the folded sum is that of the words. Carries are
; counted: in a chain of ADC, each needs the flags of the one before, which costs QEMU's TCG a call.
checksum_add:
        push    ecx
        push    edx
        push    bx
        push    si
        mov     bx, cx
        xor     edx, edx                ; carries
        shr     cx, 4
        jz      .dwords
.paragraph:
        add     eax, [es:si]
        adc     edx, 0
        add     eax, [es:si + 4]
        adc     edx, 0
        add     eax, [es:si + 8]
        adc     edx, 0
        add     eax, [es:si + 12]
        adc     edx, 0
        add     si, 16
        dec     cx
        jnz     .paragraph
.dwords:
        mov     cx, bx
        and     cx, 0Fh
        shr     cx, 2
        jz      .word
.dword:
        add     eax, [es:si]
        adc     edx, 0
        add     si, 4
        dec     cx
        jnz     .dword
.word:
        test    bl, 2
        jz      .byte
        movzx   ecx, word [es:si]
        add     edx, ecx
        inc     si
        inc     si
.byte:
        test    bl, 1
        jz      .last
        movzx   ecx, byte [es:si]       ; an odd byte counts as if a zero followed
        add     edx, ecx
.last:
        add     eax, edx
        adc     eax, 0
        pop     si
        pop     bx
        pop     edx
        pop     ecx
        ret

;---------------------------------------------------------------------------
; checksum_whole - the checksum of bytes
; in:       ES:SI = bytes, CX = count
; out:      as checksum_fold
; clobbers: EAX, flags
; needs:    nothing
;---------------------------------------------------------------------------
checksum_whole:
        xor     eax, eax
        call    checksum_add            ; fallthrough:
;---------------------------------------------------------------------------
; checksum_fold - the checksum from a running sum
; in:       EAX = running sum
; out:      AX = its one's complement, folded to 16 bits, as it is stored in a header;
;           ZF = 1: it is 0, as that of a block that contains its right checksum
; clobbers: EAX, flags
; needs:    nothing
;---------------------------------------------------------------------------
checksum_fold:
        push    edx
        mov     edx, eax
        shr     edx, 16
        add     ax, dx
        adc     ax, 0
        not     ax
        pop     edx
        test    ax, ax
        ret
