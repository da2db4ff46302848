; What the user sees of an error number.
%include "romgen.inc"

global error_print:function
global error_detail:data

extern print_char
extern print_dec
extern print_message
extern print_text
extern error_table

ERROR_KIND_BITS equ 3

BSS error
error_detail:   resd 1          ; what the table's `detail` says: an address, a line, a status

CODE error
;---------------------------------------------------------------------------
; error_print - one line that says what failed and what to check
; in:       AX = error number
; out:      nothing
; clobbers: none
; needs:    DS = DGROUP where the error has a detail
;---------------------------------------------------------------------------
error_print:
        pushf
        pushad
        mov     si, error_head
        call    print_message
        movzx   eax, ax
        push    ax
        xor     edx, edx
        call    print_dec
        mov     al, ' '
        call    print_char
        pop     dx
        mov     si, error_table
.find:
        cs lodsb                        ; how much greater the number is, and the kind of the detail
        movzx   bx, al
        shr     al, ERROR_KIND_BITS
        movzx   cx, al
        add     di, cx                  ; DI = the entry's number
        jcxz    .far
.compare:
        cmp     di, dx
        je      .found
        call    .skip
        call    .skip
        jmp     .find
.far:
        cs lodsw                        ; the number itself
        xchg    di, ax
        test    di, di
        jnz     .compare
        jmp     .end                    ; not in the table: the number alone
.found:
        call    print_text
        push    si
        and     bx, (1 << ERROR_KIND_BITS) - 1
        add     bx, bx
        mov     si, [cs:error_details + bx]
        call    print_message
        pop     si
        call    print_text
.end:
        mov     si, error_end
        call    print_message
        popad
        popf
        ret
.skip:
        cs lodsb
        test    al, al
        jnz     .skip
        ret

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
