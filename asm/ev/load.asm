; Boot variables: find the text, read it, say what is wrong with it.
%include "romgen.inc"
%include "ev.inc"
%include "net.inc"

global ev_load:function
global ev_warn:function
global ev_print_variable:function
global ev_variable:data
global ev_warnings:data
global ev_text_room

extern error_detail
extern error_print
extern ev_line
extern ev_parse
extern ev_table
extern print_char
extern print_message
extern stack_top
extern tbl_evsrc
extern tbl_evsrc_end

; The text lies behind DGROUP, in the UNDI's data, which come later (rom.ld.j2).
ev_text_room    equ EV_TEXT_MAX

BSS ev
ev_warnings:    resw 1          ; how many there were
ev_variable:    resb 1          ; index of the variable at hand, or EV_NO_VARIABLE

INITCODE ev
;---------------------------------------------------------------------------
; ev_load - the boot variables from the first source that has them
; in:       nothing
; out:      CF = 0, the variables ev_* are set;
;           CF = 1, AX = error number, error_detail = line (0: none): the name of the variable
;           is printed, so that error_print can go on in the same line
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; the memory of the UNDI's data free
;---------------------------------------------------------------------------
ev_load:
        mov     bx, tbl_evsrc
.source:
        cmp     bx, tbl_evsrc_end
        jae     .none
        push    bx
        mov     di, stack_top
        call    [cs:bx + ev_source.find]
        pop     bx
        jnc     .found
        test    ax, ax
        jnz     .bad_source
        add     bx, ev_source_size
        jmp     .source
.found:
        mov     si, [cs:bx + ev_source.message]
        call    print_message
        push    cx
        mov     si, stack_top
        call    ev_parse
        pop     cx
        sbb     dx, dx                  ; DX = CF
        push    ax
        push    ds
        pop     es
        mov     di, stack_top
        xor     al, al
        rep stosb                       ; the text may hold secrets
        cmp     word [ev_warnings], EV_WARNINGS_MAX
        jbe     .told
        mov     si, ev_more_warnings
        call    print_message
.told:
        pop     ax
        shr     dx, 1                   ; CF again
        jc      .failed
        ret
.failed:
        call    ev_print_variable
        stc
        ret
.none:
        mov     ax, ERR_EV_NONE
.bad_source:
        and     dword [error_detail], 0
        stc
        ret

;---------------------------------------------------------------------------
; ev_warn - a warning about the line or the variable at hand
; in:       AX = error number; ev_line, ev_variable
; out:      nothing
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_warn:
        inc     word [ev_warnings]
        cmp     word [ev_warnings], EV_WARNINGS_MAX
        ja      .done
        push    si
        mov     si, ev_warning
        call    print_message
        pop     si
        call    ev_print_variable
        push    dword [error_detail]
        push    eax
        movzx   eax, word [ev_line]
        mov     [error_detail], eax
        pop     eax
        call    error_print
        pop     dword [error_detail]
.done:
        ret

;---------------------------------------------------------------------------
; ev_print_variable - the name of the variable at hand, if there is one, and a colon
; in:       ev_variable = its index
; out:      nothing
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_print_variable:
        pusha
        cmp     byte [ev_variable], EV_NO_VARIABLE
        je      .done
        xor     ax, ax
        mov     bx, ev_table
        jmp     .look
.next:
        mov     al, [cs:bx + ev_entry.size]
        add     bx, ax
.look:
        mov     al, [cs:bx + ev_entry.index]
        cmp     al, [ev_variable]
        jne     .next
        movzx   cx, byte [cs:bx + ev_entry.name_size]
        lea     si, [bx + ev_entry.name]
.char:
        cs lodsb
        call    print_char
        loop    .char
        mov     si, ev_colon
        call    print_message
.done:
        popa
        ret

INITDATA ev
MSG ev_warning, "Warning, "
MSG ev_colon, ": "
MSG ev_more_warnings, "Warnings about boot variables: ", F_DEC16, ev_warnings, CRLF
