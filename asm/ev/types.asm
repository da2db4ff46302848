; Boot variables: the forms of values, one routine a type. The twins are in romgen/ev/types.py.
;
; All ev_take_<type> have one contract:
;   in:  SI = value in DS, printable ASCII without blanks at its ends, CX = its length (may be 0)
;        DI = the variable, all zeros or its default; BX = in CS, what the table has behind the name
;        ES = DS = DGROUP
;   out: CF = 0: the variable is set, ev_notice = a warning or 0; CF = 1, AX = error number
;   may change EAX, EBX, ECX, EDX, ESI, EDI, EBP
%include "romgen.inc"
%include "ev.inc"

global ev_take_name:function
global ev_take_ip:function
global ev_take_mask:function
global ev_take_number:function
global ev_take_mac:function
global ev_take_lun:function
global ev_take_bool:function
global ev_take_enum:function
global ev_take_username:function
global ev_take_secret:function
global ev_take_vlan:function
global ev_take_algorithms:function

extern ev_notice

INITCODE ev
;---------------------------------------------------------------------------
; ev_take_name - iSCSI name: iqn., eui. or naa.
; in:       SI, CX = value, DI = variable
; out:      CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, flags
; needs:    DS = ES = DGROUP
;---------------------------------------------------------------------------
ev_take_name:
        cmp     cx, ISCSI_NAME_MAX
        ja      .bad
        cmp     cx, 5
        jb      .bad
        pusha
        rep movsb                       ; the NUL behind it is there already
        popa
        lodsd
        sub     cx, 4
        cmp     eax, 'iqn.'
        je      .iqn
        cmp     eax, 'naa.'
        je      .naa
        cmp     eax, 'eui.'
        jne     .bad
        jmp     .hex16
.naa:
        cmp     cl, 32
        je      .hex
.hex16:
        cmp     cl, 16
        jne     .bad
.hex:
        lodsb
        call    ev_hex_digit
        jc      .bad
        loop    .hex
        ret                             ; CF = 0
.bad:
        FAIL    EV_NAME
.iqn:
        push    cx
        push    si
.char:
        lodsb
        cmp     al, '-'
        jb      .bad_char
        cmp     al, '.'
        jbe     .good_char
        cmp     al, '0'
        jb      .bad_char
        cmp     al, ':'
        jbe     .good_char
        cmp     al, '_'
        je      .odd_char
        mov     ah, al
        or      al, 20h
        sub     al, 'a'
        cmp     al, 'z' - 'a'
        ja      .bad_char
        test    ah, 20h
        jnz     .good_char
.odd_char:
        mov     word [ev_notice], ERR_EV_NAME_CHARS
.good_char:
        loop    .char
        pop     si
        pop     cx
        mov     bx, ev_name_date
        cmp     cx, ev_name_date.end - ev_name_date
        jbe     .no_date
.date:
        mov     ah, [cs:bx]
        inc     bx
        lodsb
        cmp     ah, '0'
        jne     .mark
        call    ev_is_digit
        jc      .no_date
        jmp     .date_next
.mark:
        cmp     al, ah
        jne     .no_date
.date_next:
        cmp     bx, ev_name_date.end
        jb      .date
        mov     ax, [si - 3]            ; the month
        xchg    al, ah
        sub     ax, '00'
        aad
        dec     ax
        cmp     al, 12
        jae     .no_date
        clc
        ret
.no_date:
        mov     word [ev_notice], ERR_EV_NAME_DATE
        clc
        ret
.bad_char:
        pop     si
        pop     cx
        jmp     .bad

;---------------------------------------------------------------------------
; ev_take_ip - IPv4 address of one machine
; in:       SI, CX = value, DI = variable
; out:      CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_take_ip:
        call    ev_dotted
        jc      .bad
        mov     al, dl                  ; first octet: not 0, 127, nor 224 and above
        cmp     al, 127
        je      .bad
        dec     al
        cmp     al, 223
        jae     .bad
        mov     [di], edx
        clc
        ret
.bad:
        FAIL    EV_IP

;---------------------------------------------------------------------------
; ev_take_mask - net mask: ones, then zeros
; in:       SI, CX = value, DI = variable
; out:      CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_take_mask:
        call    ev_dotted
        jc      .bad
        mov     [di], edx
        BSWAP   edx
        test    edx, edx
        jz      .bad
        not     edx
        lea     eax, [edx + 1]
        test    eax, edx
        jnz     .bad
        ret                             ; CF = 0
.bad:
        FAIL    EV_MASK

;---------------------------------------------------------------------------
; ev_take_number - decimal number in the range that the table gives
; in:       SI, CX = value, DI = variable, BX = ev_range
; out:      CF = 1, AX = error number; DI = the variable as before
; clobbers: EAX, ECX, EDX, ESI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_take_number:
        call    ev_decimal
        jc      .bad
        jcxz    .whole
.bad:
        FAIL    EV_NUMBER
.whole:
        cmp     ax, [cs:bx + ev_range.low]
        jb      .bad
        cmp     ax, [cs:bx + ev_range.high]
        ja      .bad
        mov     [di], ax
        clc
        ret

;---------------------------------------------------------------------------
; ev_take_mac - MAC that one adapter may have, or zeros
; in:       SI, CX = value, DI = variable
; out:      CF = 1, AX = error number
; clobbers: EAX, ECX, EDX, ESI, EDI, flags
; needs:    DS = ES = DGROUP
;---------------------------------------------------------------------------
ev_take_mac:
        cmp     cx, 12
        jne     .bad
        push    di
        call    ev_hex_bytes
        pop     di
        jc      .bad
        mov     eax, [di]
        test    al, 1                   ; group address
        jnz     .bad
        test    al, 2                   ; locally administered
        jnz     .good
        or      ax, [di + 4]
        test    eax, eax
        jz      .good
        mov     word [ev_notice], ERR_EV_MAC_GLOBAL
.good:
        clc
        ret
.bad:
        FAIL    EV_MAC

;---------------------------------------------------------------------------
; ev_take_lun - logical unit number, as the eight bytes on the wire
; in:       SI, CX = value, DI = variable, BX = ev_range
; out:      CF = 1, AX = error number
; clobbers: EAX, ECX, EDX, ESI, EDI, flags
; needs:    DS = ES = DGROUP
;---------------------------------------------------------------------------
ev_take_lun:
        cmp     cx, 2
        jb      .decimal
        cmp     word [si], '0x'
        jne     .decimal
        cmp     cx, 2 + 16
        jne     .bad
        lodsw
        sub     cx, 2
        call    ev_hex_bytes
        jc      .bad
        ret
.decimal:
        call    ev_take_number
        jc      .bad
        mov     ax, [di]
        xchg    al, ah
        test    al, al
        jz      .store                  ; below 256: peripheral device addressing
        or      al, LUN_FLAT
.store:
        mov     [di], ax
        ret                             ; CF = 0
.bad:
        FAIL    EV_LUN

;---------------------------------------------------------------------------
; ev_take_bool - yes for the words at odd places of the list, no for anything else
; in:       SI, CX = value, DI = variable, BX = list of words
; out:      CF = 0
; clobbers: EAX, EBX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_take_bool:
        call    ev_match
        jnc     .known
        mov     word [ev_notice], ERR_EV_NOT_TRUE
        xor     ax, ax
.known:
        and     al, 1                   ; CF = 0
        mov     [di], al
        ret

;---------------------------------------------------------------------------
; ev_take_enum - the number of a word
; in:       SI, CX = value, DI = variable, BX = list of words
; out:      CF = 1, AX = error number
; clobbers: EAX, EBX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_take_enum:
        call    ev_match
        mov     [di], al
        mov     ax, ERR_EV_CHOICE
        ret

;---------------------------------------------------------------------------
; ev_take_vlan - a number, or the word for none
; in:       SI, CX = value, DI = variable, BX = ev_range, then a list of words
; out:      CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_take_vlan:
        push    si
        push    cx
        call    ev_take_number
        pop     cx
        pop     si
        jnc     .done
        add     bx, ev_range_size
        call    ev_match
        mov     ax, ERR_EV_VLAN
.done:
        ret

;---------------------------------------------------------------------------
; ev_take_username - text of 1 to 255 bytes
; in:       SI, CX = value, DI = variable
; out:      CF = 1, AX = error number
; clobbers: EAX, ECX, ESI, EDI, flags
; needs:    DS = ES = DGROUP
;---------------------------------------------------------------------------
ev_take_username:
        mov     ax, cx
        dec     ax
        cmp     ax, CHAP_TEXT_MAX
        jae     .bad
        rep movsb
        clc
        ret
.bad:
        FAIL    EV_USERNAME

;---------------------------------------------------------------------------
; ev_take_secret - text, or hex behind 0x; 12 to 255 bytes
; in:       SI, CX = value, DI = variable; its length is the word behind its room
; out:      CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, flags
; needs:    DS = ES = DGROUP
;---------------------------------------------------------------------------
ev_take_secret:
        lea     bx, [di + CHAP_TEXT_MAX + 1]
        mov     dx, cx                  ; DX = bytes of text
        cmp     cx, 2
        jb      .length
        mov     ax, [si]
        or      ah, 20h                 ; 0X cannot be meant as text either
        cmp     ax, '0x'
        jne     .length
        lodsw
        cmp     ah, 'x'
        jne     .bad_hex
        sub     cx, 2
        mov     dx, cx
        shr     dx, 1                   ; DX = bytes
.length:
        cmp     dx, cx
        je      .text
        call    ev_hex_bytes            ; at most 255: a line is too short for more
        jc      .bad_hex
.text:
        cmp     dx, CHAP_SECRET_MIN
        jb      .bad_length
        cmp     dx, CHAP_TEXT_MAX
        ja      .bad_length
        rep movsb
        mov     [bx], dx
        clc
        ret
.bad_hex:
        FAIL    EV_SECRET_HEX
.bad_length:
        FAIL    EV_SECRET_LENGTH

;---------------------------------------------------------------------------
; ev_take_algorithms - CHAP_A numbers in order of preference
; in:       SI, CX = value, DI = variable, BX = list of words
; out:      CF = 1, AX = error number
; clobbers: EAX, ECX, EDX, ESI, EDI, EBP, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ev_take_algorithms:
        mov     bp, di                  ; the list so far: BP..DI
        and     dword [di], 0
        add     cx, si                  ; CX = end
.word:
        push    cx
        push    bx
        sub     cx, si
        mov     dx, si
        jcxz    .compare                ; a comma at the end, or nothing at all
.comma:
        cmp     byte [si], ','
        je      .compare
        inc     si
        loop    .comma
.compare:
        mov     cx, si                  ; DX..CX = a word
        sub     cx, dx
        push    si
        mov     si, dx
        call    ev_match
        pop     si
        pop     bx
        pop     cx
        jc      .bad
        add     al, CHAP_A_MD5
        push    di
.repeated:
        cmp     di, bp
        je      .new
        dec     di
        cmp     al, [di]
        jne     .repeated
        pop     di
.bad:
        FAIL    EV_ALGORITHMS
.new:
        pop     di
        mov     [di], al
        inc     di
        inc     si                      ; behind the comma
        cmp     si, cx
        jbe     .word
        clc
        ret

;---------------------------------------------------------------------------
; ev_match - which word of a list is it?
; in:       SI, CX = text in DS, BX = list in CS: length and word, length and word, 0
; out:      CF = 0, AX = number of the word from 0; CF = 1: none of them, AX = how many there are
; clobbers: EBX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_match:
        xor     ax, ax
        xor     dx, dx
.word:
        mov     dl, [cs:bx]
        cmp     dl, 1
        jb      .done                   ; CF = 1
        inc     bx
        cmp     dx, cx
        jne     .next
        pusha
        push    es
        push    cs
        pop     es
        mov     di, bx
        repe cmpsb
        pop     es
        popa
        je      .done                   ; CF = 0
.next:
        inc     ax
        add     bx, dx
        jmp     .word
.done:
        ret

;---------------------------------------------------------------------------
; ev_decimal - the decimal number at the start of a text
; in:       SI, CX = text
; out:      CF = 0, EAX = number, SI, CX = behind it, ev_notice = warning about a leading zero;
;           CF = 1: no digit, or above 65535
; clobbers: EAX, ECX, ESI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_decimal:
        push    edx
        push    si
        xor     edx, edx
.digit:
        jcxz    .end
        mov     al, [si]
        call    ev_is_digit
        jc      .end
        inc     si
        dec     cx
        and     eax, 0Fh
        lea     edx, [edx + edx * 4]
        lea     edx, [eax + edx * 2]
        cmp     edx, 0FFFFh
        jbe     .digit
        pop     ax
.none:
        pop     edx
        stc
        ret
.end:
        mov     eax, edx
        pop     dx                      ; where it began
        neg     dx
        add     dx, si                  ; DX = digits
        jz      .none
        dec     dx
        jz      .good
        neg     dx
        xchg    bx, dx
        cmp     byte [bx + si - 1], '0'
        xchg    bx, dx
        jne     .good
        mov     word [ev_notice], ERR_EV_LEADING_ZERO
.good:
        pop     edx
        clc
        ret

;---------------------------------------------------------------------------
; ev_dotted - four octets
; in:       SI, CX = value
; out:      CF = 0, EDX = address in network order; CF = 1: it is none
; clobbers: EAX, EBX, ECX, ESI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_dotted:
        mov     bl, 4
.octet:
        call    ev_decimal
        jc      .bad
        test    ah, ah
        jnz     .bad
        mov     dl, al
        ror     edx, 8
        dec     bl
        jz      .end
        jcxz    .bad
        dec     cx
        lodsb
        cmp     al, '.'
        je      .octet
.bad:
        stc
        ret
.end:
        cmp     cx, 1
        cmc                             ; CF = 1 where something follows
        ret

;---------------------------------------------------------------------------
; ev_hex_bytes - pairs of hex digits to bytes
; in:       SI = digits in DS, CX = their number, ES:DI = room
; out:      CF = 0, CX = 0, SI, DI = behind them; CF = 1: not hex, or an odd number
; clobbers: EAX, ECX, ESI, EDI, flags
; needs:    nothing
;---------------------------------------------------------------------------
ev_hex_bytes:
        shr     cx, 1
        jc      .done
        jcxz    .done
.byte:
        lodsb
        call    ev_hex_digit
        jc      .done
        mov     ah, al
        lodsb
        call    ev_hex_digit
        jc      .done
        shl     ah, 4
        or      al, ah
        stosb
        loop    .byte
.done:
        ret

;---------------------------------------------------------------------------
; ev_hex_digit - value of a hex digit
; in:       AL = character
; out:      CF = 0, AL = value; CF = 1: it is none
; clobbers: AL, flags
; needs:    nothing
;---------------------------------------------------------------------------
ev_hex_digit:
        sub     al, '0'
        cmp     al, 10
        jb      .good
        or      al, 20h
        sub     al, 'a' - '0'
        cmp     al, 6
        jae     .bad
        add     al, 10
.good:
        clc
        ret
.bad:
        stc
        ret

;---------------------------------------------------------------------------
; ev_is_digit - is it a decimal digit?
; in:       AL = character
; out:      CF = 1: it is none
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
ev_is_digit:
        cmp     al, '0'
        jb      .done                   ; CF = 1
        cmp     al, '9' + 1
        cmc
.done:
        ret

INITDATA ev
ev_name_date:   db "0000-00."           ; 0: a digit
.end:
