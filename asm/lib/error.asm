; What the user sees of an error number. The texts are packed in the ROM (romgen/error_rows.py).
%include "romgen.inc"
%include "rom.inc"

global error_print:function
global error_print_no_memory:function
global error_detail:data
global error_paragraphs

extern boot_code
extern error_no_memory_text
extern error_rows
extern overlay_work
extern print_char
extern print_dec
extern print_message
extern unpack

ERROR_KIND_BITS equ 3
ERROR_PARAGRAPHS equ (ERROR_ROWS_SIZE + 15) / 16
error_paragraphs equ ERROR_PARAGRAPHS + UNPACK_PARAGRAPHS       ; what the texts need behind overlay_work (rom.ld.j2)

BSS error
error_detail:   resd 1          ; what the table's `detail` says: an address, a line, a status

CODE error
;---------------------------------------------------------------------------
; error_print - one line that says what failed and what to check
; in:       AX = error number
; out:      nothing
; clobbers: none
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
; The rows are unpacked behind the copy of the ROM that a boot vector runs in; behind boot vectors, which is
; before the system, where that copy would be.
error_print:
        pushf
        pushad
        push    es
        push    fs
        cld
        mov     si, error_head
        call    print_message
        movzx   eax, ax
        push    ax
        xor     edx, edx
        call    print_dec
        mov     al, ' '
        call    print_char
        mov     ax, cs
        cmp     ax, [boot_code]
        jne     .copy
        mov     ax, OVERLAY_SEGMENT
.copy:
        add     ax, overlay_work
        mov     es, ax
        add     ax, ERROR_PARAGRAPHS
        mov     fs, ax
        push    ds
        push    cs
        pop     ds
        mov     si, error_rows
        mov     cx, ERROR_ROWS_SIZE
        call    unpack
        pop     ds
        pop     dx
        xor     si, si
        xor     di, di
.find:
        es lodsb                        ; how much greater the number is, and the kind of the detail
        movzx   bx, al
        shr     al, ERROR_KIND_BITS
        movzx   cx, al
        add     di, cx                  ; DI = the row's number
        jcxz    .far
.compare:
        cmp     di, dx
        je      .found
        call    .skip
        call    .skip
        jmp     .find
.far:
        es lodsw                        ; the number itself
        xchg    di, ax
        test    di, di
        jnz     .compare
        jmp     .end                    ; not among them: the number alone
.found:
        call    .text
        push    si
        and     bx, (1 << ERROR_KIND_BITS) - 1
        add     bx, bx
        mov     si, [cs:error_details + bx]
        call    print_message
        pop     si
        call    .text
.end:
        mov     si, error_end
        call    print_message
        pop     fs
        pop     es
        popad
        popf
        ret
.skip:
        es lodsb
        test    al, al
        jnz     .skip
        ret
.char:
        call    print_char
.text:
        es lodsb
        test    al, al
        jnz     .char
        ret

;---------------------------------------------------------------------------
; error_print_no_memory - ERR_NO_MEMORY, where there is none for the texts either
; in:       nothing
; out:      nothing
; clobbers: SI
; needs:    nothing
;---------------------------------------------------------------------------
error_print_no_memory:
        mov     si, error_no_memory_text
        jmp     print_message

RODATA error
MSG error_head, "RG-"
MSG error_end, CRLF
MSG detail_none, ": "
MSG detail_ip, " (", F_IP, error_detail, "): "
MSG detail_dec, " (", F_DEC32, error_detail, "): "
MSG detail_hex, " (0x", F_HEX32, error_detail, "): "
MSG detail_line, " (line ", F_DEC32, error_detail, "): "
MSG detail_status, " (status 0x", F_HEX16, error_detail, "): "
error_details:                          ; by the kind's number
        dw      detail_none
        dw      detail_ip
        dw      detail_dec
        dw      detail_hex
        dw      detail_line
        dw      detail_status
%if ERRD_NONE != 0 || ERRD_IP != 1 || ERRD_DEC != 2 || ERRD_HEX != 3 || ERRD_LINE != 4 || ERRD_STATUS != 5
  %error error_details is not in the order of the kinds
%endif
