; Login text, both ways (RFC 7143, 6): what comes is parsed byte by byte, so that no PDU has to be
; kept; what goes is collected in `text_out`.
%include "romgen.inc"
%include "iscsi.inc"

global text_reset:function
global text_byte:function
global text_end:function
global text_number:function
global text_put_nul:function
global text_bad_value:function
global text_put_code:function
global text_put_string:function
global text_put_char:function
global login_send_keys:function
global text_out_length:data
global text_full:data
global login_key:data
global login_key_length:data
global text_value_length:data
global login_seen:data
global text_value_room:data
extern tbl_login_keys
extern tbl_login_keys_end
extern error_detail
extern text_out, text_value          ; in the memory of segments out of order (asm/net/tcp.asm)

BSS iscsi
text_out_length:    resw 1
text_full:          resb 1              ; 1: something did not fit
text_in_value:      resb 1              ; 1: behind the =
login_key:          resb KEY_NAME_MAX + 1
login_key_length:   resw 1
text_value_length:  resw 1              ; as it came: longer than the room where it was cut off
login_seen:         resd 2              ; bit n: row n of the table was answered
text_value_room:    resw 1              ; bytes of text_value that the next value may use

RODATA iscsi
; Words that stand for a number, and the answers that mean "no result": its default stays.
TEXT_NO_RESULT  equ 0FFh
text_words:
        db      0, "No", 0
        db      0, "None", 0
        db      1, "Yes", 0
        db      1, "CRC32C", 0
        db      1, "CHAP", 0
        db      TEXT_NO_RESULT, "Irrelevant", 0
        db      TEXT_NO_RESULT, "Reject", 0
        db      TEXT_NO_RESULT
text_not_understood:
        db      "NotUnderstood", 0
text_words_end:
text_choices:                           ; KEY_CHOICE: what is offered, by number
        db      "None", 0
        db      "CRC32C", 0             ; 1 and 2 are DIGEST_TRUE and DIGEST_PREFER
        db      "CRC32C,None", 0
        ; from TEXT_CHOICE_AUTH on for AUTH_CHAP and AUTH_MUTUAL
        db      "CHAP,None", 0
        db      "CHAP", 0

TEXT_NO_RESULT_VALUE equ 0FFFFFFFFh     ; the same as text_number returns it

CODE iscsi
;---------------------------------------------------------------------------
; text_reset - forget what came and what was to go
; in:       none
; out:      none
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
text_reset:
        xor     eax, eax
        mov     [text_out_length], ax
        mov     [text_full], al
        mov     [text_in_value], al
        mov     [login_key_length], ax
        mov     [login_seen], eax
        mov     [login_seen + 4], eax
        mov     word [text_value_room], TEXT_VALUE_SIZE
        ret

;---------------------------------------------------------------------------
; text_byte - take one byte of text
; in:       AL = byte
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
text_byte:
        cmp     byte [text_in_value], 0
        jne     .value
        mov     bx, [login_key_length]
        cmp     al, '='
        je      .equals
        test    al, al
        jz      .end
        cmp     bx, KEY_NAME_MAX
        jae     .bad
        mov     [login_key + bx], al
        inc     word [login_key_length]
        clc
        ret
.equals:
        test    bx, bx
        jz      .bad
        mov     byte [login_key + bx], 0
        mov     byte [text_in_value], 1
        and     word [text_value_length], 0
        ret
.end:
        test    bx, bx                  ; a NUL more than needed: padding within the data segment
        jz      .out                    ; CF = 0
.bad:
        FAIL    LOGIN_TEXT
.value:
        test    al, al
        jz      text_end.pair
        mov     bx, [text_value_length]
        inc     word [text_value_length]
        jz      .bad                    ; 64 KiB: nobody means that
        inc     bx                      ; the NUL needs a place as well
        cmp     bx, [text_value_room]
        jb      .keep
        clc
        ret
.keep:
        mov     [text_value + bx - 1], al
        clc
.out:
        ret

;---------------------------------------------------------------------------
; text_end - the text is over: a last pair without its NUL counts
; in:       none
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
text_end:
        cmp     byte [text_in_value], 0
        jne     .pair
        cmp     word [login_key_length], 1
        cmc
        jnc     .out
        mov     ax, ERR_LOGIN_TEXT
.out:
        ret
.pair:
        mov     bx, [text_value_length]
        mov     ax, [text_value_room]
        dec     ax
        cmp     bx, ax
        jbe     .ended
        xchg    ax, bx
.ended:
        mov     byte [text_value + bx], 0
        call    text_pair
        mov     byte [text_in_value], 0 ; neither changes the flags
        mov     word [login_key_length], 0
        ret

;---------------------------------------------------------------------------
; text_pair - a key and its value are complete: find the key's row and do what it says
; in:       login_key, text_value
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
text_pair:
        mov     si, tbl_login_keys
        xor     dx, dx                  ; number of the row
.row:
        cmp     si, tbl_login_keys_end
        jae     text_unknown
        mov     bx, si
        call    login_row_text
        mov     di, login_key
.compare:
        cs lodsb
        cmp     al, '='
        je      .ends
        cmp     al, [di]
        jne     .skip
        inc     di
        jmp     .compare
.ends:
        cmp     byte [di], 0
        je      .found
.skip:
        cs lodsb                        ; to the end of the row's text
        test    al, al
        jnz     .skip
        inc     dx
        jmp     .row
.found:
        movzx   eax, byte [cs:bx + login_row.flags]
        test    al, KEY_REPEAT
        jnz     .first
        movzx   edx, dx
        bts     [login_seen], edx
        jc      text_bad_value          ; twice in one login (RFC 7143, 6.3)
.first:
        test    al, KEY_RANGE | KEY_ROUTINE
        jz      .plain
        mov     cx, [text_value_length]
        cmp     cx, [text_value_room]
        jae     text_bad_value          ; cut off, so it cannot be read
        test    al, KEY_ROUTINE
        jnz     .routine
        call    text_number
        jc      text_bad_value
        cmp     eax, TEXT_NO_RESULT_VALUE
        je      .out
        movzx   ecx, word [cs:bx + login_row.low]
        cmp     eax, ecx
        jb      text_bad_value
        cmp     eax, [cs:bx + login_row.high]
        ja      text_bad_value
        mov     di, [cs:bx + login_row.var]
        mov     [di], eax
.out:
        clc
        ret
.routine:
        jmp     [cs:bx + login_row.var]
.plain:
        test    al, KEY_ANSWER
        jz      .out
        mov     si, bx
        call    login_row_text
        call    text_put_code
        call    text_put_nul
        jmp     .out

;---------------------------------------------------------------------------
; text_unknown [jump] - a key that RFC 7143 does not have: say so, unless it is such an answer itself
; in:       login_key, text_value
; out:      CF = 0
; clobbers: EAX, CX, SI, DI, ES, flags
; needs:    DS = SS = DGROUP; returns to the caller of text_pair
;---------------------------------------------------------------------------
text_unknown:
        call    text_number
        jc      .answer
        cmp     eax, TEXT_NO_RESULT_VALUE
        je      .out
.answer:
        mov     si, login_key
        call    text_put_string
        mov     al, '='
        call    text_put_char
        mov     si, text_not_understood
        call    text_put_code
        call    text_put_nul
.out:
        clc
        ret

;---------------------------------------------------------------------------
; text_bad_value [jump] - a value that cannot be
; in:       EAX = the value
; out:      CF = 1, AX = error
; clobbers: flags
; needs:    DS = DGROUP; returns to the caller of text_pair
;---------------------------------------------------------------------------
text_bad_value:
        mov     [error_detail], eax
        FAIL    LOGIN_KEY

;---------------------------------------------------------------------------
; login_row_text - where the text of a row begins
; in:       SI = row
; out:      SI = its text (CS)
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
login_row_text:
        test    byte [cs:si + login_row.flags], KEY_RANGE
        lea     si, [si + login_row.text]
        jz      .out
        add     si, login_row.range_text - login_row.text
.out:
        ret

;---------------------------------------------------------------------------
; text_number - the value as a number: decimal, 0x hex, or a word that stands for one
; in:       text_value
; out:      CF = 0, EAX = number, or FFFFFFFFh where the peer has no result (Reject, Irrelevant,
;           NotUnderstood); CF = 1: neither
; clobbers: ECX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
text_number:
        mov     si, text_words
.word:
        cs lodsb
        movsx   eax, al
        mov     di, text_value
.letter:
        mov     cl, [cs:si]
        inc     si
        cmp     cl, [di]
        jne     .differs
        inc     di
        test    cl, cl
        jnz     .letter
        ret                             ; the words are the same; CF = 0 from test
.differs:
        test    cl, cl
        jz      .next
.rest:
        cs lodsb
        test    al, al
        jnz     .rest
.next:
        cmp     si, text_words_end
        jb      .word
        mov     si, text_value
        xor     eax, eax
        push    edx
        push    ebx
        mov     ecx, 10                 ; base
        cmp     byte [si], '0'
        jne     .digits
        mov     bl, [si + 1]
        or      bl, 20h
        cmp     bl, 'x'
        jne     .digits
        mov     cl, 16
        add     si, 2
.digits:
        movzx   ebx, byte [si]
        inc     si
        sub     bl, '0'
        cmp     bl, 9
        jbe     .add
        or      bl, 20h
        sub     bl, 'a' - '0' - 10
        cmp     bl, 10
        jb      .bad
        cmp     bl, cl
        jae     .bad
.add:
        mul     ecx
        jc      .bad
        add     eax, ebx
        jc      .bad
        cmp     byte [si], 0
        jne     .digits
        cmp     eax, TEXT_NO_RESULT_VALUE
        cmc
        jnc     .out                    ; below: CF = 0
.bad:
        stc
.out:
        pop     ebx
        pop     edx
        ret

;---------------------------------------------------------------------------
; text_put_char - one byte more of our text
; in:       AL = byte
; out:      text_full = 1 where there is no room
; clobbers: DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
text_put_nul:                           ; fallthrough: the byte that ends a pair
        mov     al, 0
text_put_char:
        mov     di, [text_out_length]
        cmp     di, TEXT_OUT_SIZE
        jae     .full
        mov     [text_out + di], al
        inc     word [text_out_length]
        ret
.full:
        mov     byte [text_full], 1
        ret

;---------------------------------------------------------------------------
; text_put_string - a string of the data segment, without its NUL
; in:       SI = string
; out:      SI behind its NUL
; clobbers: AX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
text_put_string:
        push    ds
        jmp     text_put

;---------------------------------------------------------------------------
; text_put_code - a string of the code segment, without its NUL
; in:       SI = string
; out:      SI behind its NUL
; clobbers: AX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
text_put_code:
        push    cs
text_put:                               ; fallthrough: string at the segment on the stack
        pop     es
.next:
        es lodsb
        test    al, al
        jz      .out
        call    text_put_char
        jmp     .next
.out:
        ret

;---------------------------------------------------------------------------
; login_send_keys - put all keys of a kind into our text
; in:       AL = KEY_NAMES, KEY_SECURITY or KEY_OPERATIONAL
; out:      none
; clobbers: AX, BX, CX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
login_send_keys:
        mov     ch, al
        mov     si, tbl_login_keys
.row:
        mov     bx, si
        mov     cl, [cs:bx + login_row.flags]
        call    login_row_text
        test    cl, ch
        jz      .skip
        call    text_put_code
        test    cl, KEY_STRING
        jz      .ended
        push    si
        mov     si, [cs:bx + login_row.var]
        test    cl, KEY_RANGE
        jnz     .choice
        mov     si, [si]
        call    text_put_string
        jmp     .put
.choice:
        mov     cl, [si + 4]
        mov     si, text_choices
.word:
        dec     cl
        js      .chosen
.letter:
        cs lodsb
        test    al, al
        jnz     .letter
        jmp     .word
.chosen:
        call    text_put_code
.put:
        pop     si
.ended:
        call    text_put_nul
        jmp     .next
.skip:
        cs lodsb
        test    al, al
        jnz     .skip
.next:
        cmp     si, tbl_login_keys_end
        jb      .row
        ret
