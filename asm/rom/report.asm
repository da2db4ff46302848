; Messages after POST: the connection to the disk is lost, it is back.
%include "romgen.inc"

global report_loss:function
global report_back:function
global report_lost:data

extern error_print
extern print_message

REPORT_END      equ 5000        ; first error number that is about the logical unit, not the way to it
TEXT_MODE_LAST  equ 3           ; BIOS video modes 0-3 and 7 are text
TEXT_MODE_MONO  equ 7

BSS report
report_lost:    resb 1          ; 1: the loss is printed already

CODE report
;---------------------------------------------------------------------------
; report_loss - tell the user once that the disk does not answer, and why
; in:       AX = error number
; out:      nothing
; clobbers: flags
; needs:    DS = SS = DGROUP; in INT 13h, not in an interrupt handler: calls INT 10h
;---------------------------------------------------------------------------
; What the logical unit says (5000 and up) is for the caller, who has its status.
report_loss:
        cmp     ax, REPORT_END
        jae     .done
        cmp     byte [report_lost], 0
        jne     .done                   ; a loader tries again and again
        inc     byte [report_lost]
        call    report_text_mode
        jne     .done
        push    si
        mov     si, report_head
        call    print_message
        pop     si
        call    error_print
.done:
        ret

;---------------------------------------------------------------------------
; report_back - tell the user that the disk answers again
; in:       nothing
; out:      nothing
; clobbers: flags
; needs:    as report_loss
;---------------------------------------------------------------------------
report_back:
        cmp     byte [report_lost], 0
        je      .done
        mov     byte [report_lost], 0
        call    report_text_mode
        jne     .done
        push    si
        mov     si, report_again
        call    print_message
        pop     si
.done:
        ret

;---------------------------------------------------------------------------
; report_text_mode - does the screen show text? (A picture would be spoilt.)
; in:       nothing
; out:      ZF = 1: yes
; clobbers: flags
; needs:    a BIOS
;---------------------------------------------------------------------------
report_text_mode:
        push    ax
        push    es
        push    BDA_SEGMENT
        pop     es
        mov     al, [es:BDA_VIDEO_MODE]
        cmp     al, TEXT_MODE_MONO
        je      .done
        cmp     al, TEXT_MODE_LAST
        ja      .done                   ; ZF = 0
        cmp     al, al
.done:
        pop     es
        pop     ax
        ret

RODATA report
MSG report_head, CRLF, "iSCSI disk: "
MSG report_again, CRLF, "iSCSI disk: back", CRLF
