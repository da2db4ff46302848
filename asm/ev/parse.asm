; Boot variables: text to values. Its twin is romgen/ev/parse.py; both follow romgen/tables/ev.toml.
%include "romgen.inc"
%include "ev.inc"

global ev_parse:function
global ev_blame:function
global ev_line:data
global ev_lines:data
global ev_notice:data
global ev_deferred:data
global ev_deferred_line:data
global ev_deferred_variable:data

extern error_detail
extern ev_check
extern ev_defaults
extern ev_defaults_end
extern ev_table
extern ev_values
extern ev_variable
extern ev_warn
extern ev_warnings

BSS ev
ev_line:        resw 1          ; number of the line at hand, from 1
ev_next:        resw 1          ; where the next line begins
ev_notice:      resw 1          ; warning that a value deserves although it is taken, or 0
ev_lines:       resw EV_COUNT   ; line of each variable, 0: not in the text
ev_deferred:    resw 1          ; first fault that is only a warning while AuthMethod is None, or 0
ev_deferred_line: resw 1
ev_deferred_variable: resb 1

INITCODE ev
;---------------------------------------------------------------------------
; ev_parse - the variables from their text, checked against each other
; in:       SI = text in DS, CX = its length, at most EV_TEXT_MAX
; out:      CF = 0; CF = 1, AX = error number, error_detail = line or 0, ev_variable = which
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ev_parse:
        mov     bp, si
        add     bp, cx                  ; BP = end of the text
        push    ds
        pop     es
        xor     eax, eax
        mov     [ev_line], ax
        mov     [ev_deferred], ax
        mov     [ev_warnings], ax
        mov     di, ev_lines
        mov     cx, EV_COUNT
        rep stosw
        mov     di, ev_values
        mov     cx, EV_VALUES_DWORDS
        rep stosd
        mov     bx, ev_defaults
.default:
        cmp     bx, ev_defaults_end
        jae     .mark
        mov     di, [cs:bx + ev_default.variable]
        mov     ax, [cs:bx + ev_default.value]
        stosw
        add     bx, ev_default_size
        jmp     .default
.mark:
        lea     ax, [si + 3]            ; UTF-8 byte order mark: Notepad writes it
        cmp     ax, bp
        ja      .next
        cmp     word [si], 0BBEFh
        jne     .next
        cmp     byte [si + 2], 0BFh
        jne     .next
        xchg    ax, si
.next:
        mov     byte [ev_variable], EV_NO_VARIABLE
        cmp     si, bp
        jae     ev_check
        inc     word [ev_line]
        push    bp
        call    ev_take_line
        pop     bp
        jc      ev_blame
        mov     si, [ev_next]
        jmp     .next

;---------------------------------------------------------------------------
; ev_blame [jump] - the failure of the line at hand, returned from ev_parse
; in:       AX = error number, ev_line
; out:      CF = 1, error_detail = the line
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_blame:
        and     dword [error_detail], 0
        push    word [ev_line]
        pop     word [error_detail]
        stc
        ret

;---------------------------------------------------------------------------
; ev_take_line - read one line
; in:       SI = its start, BP = end of the text
; out:      ev_next = start of the next line; CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ev_take_line:
        mov     di, si
.find_end:
        mov     [ev_next], di
        cmp     di, bp
        je      .end
        inc     word [ev_next]          ; behind the line feed, if it is one
        cmp     byte [di], CHAR_LF
        je      .end
        inc     di
        jmp     .find_end
.end:
        mov     cx, di
        sub     cx, si
        jz      .done
        cmp     byte [di - 1], CHAR_CR
        jne     .measure
        dec     di
        dec     cx
        jz      .done
.measure:
        cmp     cx, EV_LINE_MAX
        ja      .too_long
        push    si
.byte:
        lodsb
        cmp     al, CHAR_TAB
        je      .ascii
        sub     al, ' '
        cmp     al, '~' - ' '
        ja      .not_ascii
.ascii:
        loop    .byte
        pop     si
        call    ev_trim
        jcxz    .done
        cmp     byte [si], '#'
        je      .done
        mov     bx, si
.find_equals:
        cmp     byte [bx], '='
        je      .equals
        inc     bx
        loop    .find_equals
.no_variable:
        FAIL    EV_LINE
.equals:
        push    di                      ; end of the value
        push    bx
        mov     di, bx
        call    ev_trim                 ; the name
        call    ev_find
        pop     si
        pop     di
        jc      .not_found
        inc     si
        jmp     ev_take_value           ; BX = entry, SI..DI = value
.not_found:
        jcxz    .no_variable
        mov     ax, ERR_EV_UNKNOWN      ; an older ROM may meet a newer text
        call    ev_warn
.done:
        clc
        ret
.not_ascii:
        pop     si
        FAIL    EV_BYTE
.too_long:
        FAIL    EV_LINE_LONG

;---------------------------------------------------------------------------
; ev_take_value - put a value where it belongs
; in:       BX = entry of the variable in CS, SI = the value, DI = behind it, both in DS
; out:      CF = 0; CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ev_take_value:
        movzx   bp, byte [cs:bx + ev_entry.index]
        mov     ax, bp
        mov     [ev_variable], al
        add     bp, bp
        mov     ax, [ev_line]
        xchg    ax, [ds:bp + ev_lines]
        test    ax, ax
        jnz     .repeated
        call    ev_trim                 ; CX = length
        push    ds
        pop     es
        mov     di, [cs:bx + ev_entry.variable]
        mov     ax, [cs:bx + ev_entry.take]
        movzx   dx, byte [cs:bx + ev_entry.name_size]
        lea     bx, [bx + ev_entry.name]
        add     bx, dx
        and     word [ev_notice], 0
        call    ax
        jc      .bad
        mov     ax, [ev_notice]
        test    ax, ax
        jz      .done
        call    ev_warn
.done:
        clc
        ret
.repeated:
        FAIL    EV_REPEATED
.bad:
        cmp     ax, ERR_EV_USERNAME
        jb      .fail
        cmp     ax, ERR_EV_SECRET_LENGTH
        ja      .fail
        cmp     word [ev_deferred], 0
        jne     .done
        mov     [ev_deferred], ax
        push    word [ev_line]
        pop     word [ev_deferred_line]
        mov     al, [ev_variable]
        mov     [ev_deferred_variable], al
        jmp     .done
.fail:
        stc
        ret

;---------------------------------------------------------------------------
; ev_trim - drop blanks and tabs at both ends
; in:       SI = start, DI = end of some text in DS
; out:      SI = new start, DI = new end, CX = length
; clobbers: AL, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_trim:
        mov     cx, di
        sub     cx, si
        jz      .done
        mov     al, [si]
        call    .blank
        jne     .tail
        inc     si
        jmp     ev_trim
.tail:
        mov     al, [di - 1]
        call    .blank
        jne     .done
        dec     di
        loop    .tail
.done:
        ret
.blank:
        cmp     al, ' '
        je      .is_blank
        cmp     al, CHAR_TAB
.is_blank:
        ret

;---------------------------------------------------------------------------
; ev_find - the table's entry of a name
; in:       SI = name in DS, CX = its length
; out:      CF = 0, BX = entry in CS; CF = 1: not in the table
; clobbers: AX, DI, ES, flags
; needs:    nothing
;---------------------------------------------------------------------------
ev_find:
        push    cs
        pop     es
        mov     bx, ev_table
        xor     ax, ax
.entry:
        mov     al, [cs:bx + ev_entry.size]
        test    al, al
        jz      .none
        cmp     cl, [cs:bx + ev_entry.name_size]
        jne     .next                   ; (a longer name than 255 fails in the comparison)
        push    si
        push    cx
        lea     di, [bx + ev_entry.name]
        repe cmpsb
        pop     cx
        pop     si
        je      .done                   ; CF = 0
.next:
        add     bx, ax
        jmp     .entry
.none:
        stc
.done:
        ret
