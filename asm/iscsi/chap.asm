; CHAP in the login's security stage, one way and mutual (RFC 1994; RFC 7143, 9.2.1 and 12.1.3).
%include "romgen.inc"
%include "ev.inc"
%include "iscsi.inc"

global chap_send:function
global text_binary:function
global text_hex_digit:function
global chap_algorithm:data
global chap_id:data
global chap_refused:data
global chap_fallback:function
global chap_challenge_length:data
global chap_own_id:data
global chap_own_challenge:data
global chap_peer_name:data
extern chap_step
extern chap_got
extern text_number
extern text_value
extern text_value_length
extern text_value_room
extern text_put_char
extern text_put_nul
extern text_put_code
extern text_put_string
extern hash_init
extern hash_update
extern hash_final
extern hash_digest
extern random_dword
extern ev_auth_method
extern ev_chap_algorithms
extern ev_chap_username
extern ev_chapm_username
extern ev_chap_secret
extern ev_chap_secret_len
extern ev_chapm_secret
extern ev_chapm_secret_len

BSS chap
chap_algorithm:         resb 1          ; CHAP_A
chap_refused:           resb 1          ; an algorithm that is not offered any more; 0: all are
chap_id:                resb 1          ; CHAP_I of the target
chap_own_id:            resb 1
chap_challenge_length:  resw 1
; ours; it stays until the next login, which must not show it to us as the target's
chap_own_challenge:     resb CHAP_CHALLENGE_SIZE
chap_peer_name:         resb CHAP_TEXT_MAX + 1  ; for the iBFT, which must have one
; the target's challenge is kept in the second half of text_value
%define chap_challenge  text_value + TEXT_VALUE_SIZE - CHALLENGE_MAX

%macro CHAP_KEY 3                       ; label of the text, routine, text
        db      KEY_ROUTINE
        dw      %2
%1:     db      %3, 0
%endmacro
TABLE login_keys, 20
        CHAP_KEY chap_text_a, chap_take_a, "CHAP_A="
        CHAP_KEY chap_text_i, chap_take_i, "CHAP_I="
        CHAP_KEY chap_text_c, chap_take_c, "CHAP_C="
        CHAP_KEY chap_text_n, chap_take_n, "CHAP_N="
        CHAP_KEY chap_text_r, chap_take_r, "CHAP_R="

CODE chap
;---------------------------------------------------------------------------
; chap_send - the next step: offer algorithms, or answer and challenge
; in:       chap_step, chap_got
; out:      CF = 0: AL = flags of the request, its keys are in text_out; CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
chap_send:
        mov     al, [chap_step]
        cmp     al, CHAP_ANSWERED
        jae     .transit
        cmp     al, CHAP_METHOD
        je      .answer
        mov     byte [chap_step], CHAP_METHOD
        mov     si, chap_text_a
        call    text_put_code
        mov     bx, ev_chap_algorithms
        mov     dl, 0                   ; what stands between two
.algorithm:
        mov     dh, [bx]
        inc     bx
        cmp     dh, [chap_refused]      ; 0 ends the list; or it is the one to leave out
        je      .skip
        mov     al, dl
        test    al, al
        jz      .first
        call    text_put_char
.first:
        mov     al, dh
        call    text_put_byte
        mov     dl, ','
.skip:
        cmp     bx, ev_chap_algorithms + CHAP_ALGORITHMS
        jae     .offered
        cmp     byte [bx], 0
        jne     .algorithm
.offered:
        call    text_put_nul
        mov     al, 0                   ; no T before the last step: LIO refuses it
        clc
        ret
.answer:
        cmp     byte [chap_got], CHAP_GOT_CHALLENGE
        jne     chap_bad
        mov     byte [chap_step], CHAP_ANSWERED
        mov     si, chap_text_n
        call    text_put_code
        mov     si, ev_chap_username
        call    text_put_string
        call    text_put_nul
        mov     al, [chap_id]
        mov     si, ev_chap_secret
        mov     cx, [ev_chap_secret_len]
        mov     dx, chap_challenge
        mov     bx, [chap_challenge_length]
        call    chap_hash
        mov     bx, hash_digest
        mov     si, chap_text_r
        call    text_put_hex
        cmp     byte [ev_auth_method], AUTH_MUTUAL
        jne     .transit
        mov     di, chap_own_challenge
.random:
        call    random_dword
        mov     [di], eax
        add     di, 4
        cmp     di, chap_own_challenge + CHAP_CHALLENGE_SIZE
        jb      .random
        call    random_dword
        mov     [chap_own_id], al
        mov     si, chap_text_i
        call    text_put_code
        mov     al, [chap_own_id]
        call    text_put_byte
        call    text_put_nul
        mov     bx, chap_own_challenge
        mov     cx, CHAP_CHALLENGE_SIZE
        mov     si, chap_text_c
        call    text_put_hex
.transit:
        mov     al, ISCSI_FLAG_TRANSIT | ISCSI_STAGE_OPERATIONAL
        clc
        ret

;---------------------------------------------------------------------------
; chap_fallback - a login was refused: is it worth another one without SHA-256?
; in:       AX = error, chap_step, chap_algorithm, chap_refused
; out:      ZF = 1: yes, chap_refused is set; AX unchanged
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
; tgt takes 7 for SHA-1 (IANA: 6), finds our response too long and calls it an initiator error. A false
; target gains nothing: it could have chosen the weaker algorithm at once, as that was offered.
chap_fallback:
        cmp     ax, ERR_LOGIN_INITIATOR_ERROR
        jne     .out
        cmp     byte [chap_step], CHAP_ANSWERED
        jne     .out
        cmp     word [chap_algorithm], CHAP_SHA256      ; and chap_refused, behind it, is 0
        jne     .out
        cmp     byte [ev_chap_algorithms + 1], 0        ; is there another to offer?
        je      .only
        mov     byte [chap_refused], CHAP_SHA256
        cmp     al, al
        ret
.only:
        test    sp, sp                  ; ZF = 0
.out:
        ret

;---------------------------------------------------------------------------
; chap_hash - a CHAP response (RFC 1994, 4.1): hash of identifier, secret, challenge
; in:       AL = identifier, SI = secret, CX = its length, DX = challenge, BX = its length
; out:      hash_digest, CX = its length
; clobbers: EAX, CX, DX, SI, DI, ES, flags
; needs:    DS = DGROUP; chap_algorithm
;---------------------------------------------------------------------------
chap_hash:
        push    bx
        push    dx
        push    cx
        push    si
        push    ax
        mov     al, [chap_algorithm]
        call    hash_init
        push    ss
        pop     es
        mov     si, sp                  ; the identifier, as AL on the stack
        mov     cx, 1
        call    hash_update
        pop     ax
        pop     si
        pop     cx
        call    hash_update
        pop     si
        pop     cx
        call    hash_update
        jmp     hash_final

;---------------------------------------------------------------------------
; text_put_hex - a key with a binary value
; in:       SI = text of the key (CS), BX = bytes, CX = count
; out:      none
; clobbers: AX, BX, CX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
text_put_hex:
        call    text_put_code
        mov     si, chap_hex
        call    text_put_code
.byte:
        mov     al, [bx]
        aam     16                      ; AH = upper digit, AL = lower one
        push    ax
        mov     al, ah
        call    .digit
        pop     ax
        call    .digit
        inc     bx
        loop    .byte
        jmp     text_put_nul
.digit:
        cmp     al, 10
        sbb     al, 69h                 ; 0..9 -> '0'..'9', 10..15 -> 'A'..'F'
        das
        jmp     text_put_char
RODATA chap
chap_hex:
        db      "0x", 0
CODE chap

;---------------------------------------------------------------------------
; text_put_byte - a number in decimal
; in:       AL = number
; out:      none
; clobbers: AX, DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
text_put_byte:
        aam     10
        push    ax
        mov     al, ah
        test    al, al
        jz      .last
        call    text_put_byte           ; the digits in front, at most two
.last:
        pop     ax
        add     al, '0'
        jmp     text_put_char

;---------------------------------------------------------------------------
; chap_due - may this key come now, and for the first time?
; in:       AL = its bit of chap_got; chap_step
; out:      chap_got; where it may not come, it returns to the caller's caller: CF = 1, AX = error
; clobbers: AX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
chap_due:
        mov     ah, CHAP_METHOD
        test    al, CHAP_GOT_CHALLENGE
        jnz     .step
        mov     ah, CHAP_ANSWERED
        cmp     byte [ev_auth_method], AUTH_MUTUAL
        jne     .bad
.step:
        cmp     ah, [chap_step]
        jne     .bad
        or      [chap_got], al
        ret
.bad:
        pop     ax
        ; fallthrough to chap_bad

;---------------------------------------------------------------------------
; chap_bad [jump] - the target breaks CHAP's rules
; in:       none
; out:      CF = 1, AX = error
; clobbers: flags
; needs:    nothing; returns to the caller of who jumps here
;---------------------------------------------------------------------------
chap_bad:
        FAIL    CHAP_ANSWER

;---------------------------------------------------------------------------
; chap_take_a - CHAP_A: one of the algorithms that we offered
; in:       text_value
; out:      CF = 1, AX = error
; clobbers: EAX, ECX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
chap_take_a:
        mov     al, CHAP_GOT_A
        call    chap_due
        call    text_number
        jc      .none
        cmp     eax, byte 0
        jle     .none                   ; 0 ends the list; FFFFFFFFh: Reject
        cmp     eax, 255
        ja      .none
        mov     [chap_algorithm], al
        push    ds
        pop     es
        mov     di, ev_chap_algorithms
        mov     cx, CHAP_ALGORITHMS
        repne scasb
        je      chap_good
.none:
        FAIL    CHAP_ALGORITHM

;---------------------------------------------------------------------------
; chap_take_i - CHAP_I: the identifier
; in:       text_value
; out:      CF = 1, AX = error
; clobbers: EAX, ECX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
chap_take_i:
        mov     al, CHAP_GOT_I
        call    chap_due
        call    text_number
        jc      chap_bad
        cmp     eax, 255
        ja      chap_bad
        mov     [chap_id], al
        ; fallthrough to chap_good

;---------------------------------------------------------------------------
; chap_good [jump] - the key is as it should be
; in:       none
; out:      CF = 0
; clobbers: flags
; needs:    nothing; returns to the caller of who jumps here
;---------------------------------------------------------------------------
chap_good:
        clc
        ret

;---------------------------------------------------------------------------
; chap_take_c - CHAP_C: the challenge; not one that we have made ourselves
; in:       text_value
; out:      CF = 1, AX = error
; clobbers: EAX, BX, ECX, EDX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
chap_take_c:
        mov     al, CHAP_GOT_C
        call    chap_due
        call    text_binary
        jc      chap_bad
        cmp     cx, CHALLENGE_MAX
        ja      chap_bad
        mov     [chap_challenge_length], cx
        mov     word [text_value_room], TEXT_VALUE_SIZE - CHALLENGE_MAX
        mov     si, text_value
        mov     di, chap_challenge
        rep movsb
        cmp     word [chap_challenge_length], CHAP_CHALLENGE_SIZE
        jne     chap_good
        mov     si, chap_challenge
        mov     di, chap_own_challenge
        mov     cl, CHAP_CHALLENGE_SIZE         ; CX is 0 here
        repe cmpsb
        jne     chap_good
        FAIL    CHAP_REFLECTED

;---------------------------------------------------------------------------
; chap_take_n - CHAP_N: the target's name; the one of CHAPMUsername where that is given
; in:       text_value
; out:      chap_peer_name; CF = 1, AX = error
; clobbers: EAX, CX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
chap_take_n:
        mov     al, CHAP_GOT_N
        call    chap_due
        push    ds
        pop     es
        mov     si, text_value
        mov     di, chap_peer_name
        mov     cx, CHAP_TEXT_MAX       ; whatever follows the NUL; the last byte stays 0
        rep movsb
        mov     si, ev_chapm_username
        mov     di, text_value
        cmp     byte [si], 0
        je      chap_good
.letter:
        lodsb
        cmp     al, [di]
        jne     chap_false
        inc     di
        test    al, al
        jnz     .letter
        ret                             ; CF = 0

;---------------------------------------------------------------------------
; chap_take_r - CHAP_R: does the target know its secret?
; in:       text_value
; out:      CF = 1, AX = error
; clobbers: EAX, BX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
chap_take_r:
        mov     al, CHAP_GOT_R
        call    chap_due
        call    text_binary
        jc      chap_false
        push    cx
        mov     al, [chap_own_id]
        mov     si, ev_chapm_secret
        mov     cx, [ev_chapm_secret_len]
        mov     dx, chap_own_challenge
        mov     bx, CHAP_CHALLENGE_SIZE
        call    chap_hash
        pop     dx
        cmp     cx, dx
        jne     chap_false
        push    ds
        pop     es
        mov     si, hash_digest
        mov     di, text_value
        repe cmpsb
        je      chap_good
        ; fallthrough to chap_false

;---------------------------------------------------------------------------
; chap_false [jump] - the target is not the one that it says it is
; in:       none
; out:      CF = 1, AX = error
; clobbers: flags
; needs:    nothing; returns to the caller of who jumps here
;---------------------------------------------------------------------------
chap_false:
        FAIL    CHAP_PROOF

;---------------------------------------------------------------------------
; text_binary - decode a binary value in place: 0x hex or 0b base64 (RFC 7143, 6.1)
; in:       text_value, text_value_length
; out:      CF = 0, CX = bytes in text_value, ES = DS; CF = 1: it is neither
; clobbers: EAX, BX, CX, DX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
text_binary:
        push    ds
        pop     es
        mov     si, text_value
        mov     di, si
        mov     cx, [text_value_length]
        sub     cx, 2
        jbe     .bad
        lodsw
        or      ah, 20h
        xor     bx, bx                  ; BL = bits that wait in DX
        xor     dx, dx
        cmp     ax, "0b"
        je      .base64
        cmp     ax, "0x"
        jne     .bad
        mov     bl, cl                  ; an odd number of digits: as with a 0 in front
        and     bl, 1
        shl     bl, 2
.hex:
        lodsb
        call    text_hex_digit
        jc      .bad
        mov     ah, 4
        call    .bits
        loop    .hex
        jmp     .end
.base64:
        lodsb
        cmp     al, '='
        je      .padding
        call    text_base64_digit
        jc      .bad
        mov     ah, 6
        call    .bits
        loop    .base64
        jmp     .end
.padding:
        cmp     cx, 2
        ja      .bad
.end:
        mov     cx, di
        sub     cx, text_value
        jz      .bad
        clc
        ret
.bad:
        stc
        ret
.bits:                                  ; AH bits more, in AL
        push    cx
        mov     cl, ah
        shl     dx, cl
        or      dl, al
        add     bl, ah
        mov     cl, bl
        sub     cl, 8
        jb      .few
        mov     bl, cl
        mov     ax, dx
        shr     ax, cl
        stosb
.few:
        pop     cx
        ret

;---------------------------------------------------------------------------
; text_hex_digit - value of a hex digit
; in:       AL = character
; out:      CF = 0, AL = value; CF = 1: it is none
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
text_hex_digit:
        sub     al, '0'
        cmp     al, 10
        cmc
        jnc     .out
        or      al, 20h
        sub     al, 'a' - '0'
        cmp     al, 6
        cmc
        jc      .out
        add     al, 10
.out:
        ret

;---------------------------------------------------------------------------
; text_base64_digit - value of a base64 character (RFC 4648, 4)
; in:       AL = character
; out:      CF = 0, AL = value; CF = 1: it is none
; clobbers: AH, flags
; needs:    nothing
;---------------------------------------------------------------------------
text_base64_digit:
        mov     ah, al
        sub     al, 'A'
        cmp     al, 26
        jb      .good
        sub     al, 'a' - 'A'
        cmp     al, 26
        mov     al, ah
        jb      .small
        sub     al, '0'
        cmp     al, 10
        jb      .digit
        mov     al, 62
        cmp     ah, '+'
        je      .good
        inc     ax
        cmp     ah, '/'
        je      .good
        stc
        ret
.small:
        sub     al, 'a' - 26
        clc
        ret
.digit:
        add     al, 52
.good:
        clc
        ret
