; The session: connect, follow redirections, log in, check the logical unit; build anew, end.
%include "romgen.inc"
%include "iscsi.inc"

global iscsi_open:function
global iscsi_close:function
global session_ready:function
global session_drop:function
global session_switch:function
global session_check:function
global iscsi_pause:function
global deadline_io:function
global error_transient:function
global login_redirect:function
global session_target:data
global session_target1:data
global session_target2:data
global session_ip:data
global session_port:data
global redirect_ip:data
global redirect_port:data
extern iscsi_login
extern ahead_forget
extern iscsi_expired
extern iscsi_pump
extern iscsi_deadline
extern silence_limit
extern iscsi_phase
extern login_stage
extern login_target_name
extern login_initiator_name
extern logout_done
extern session_ending
extern session_lun
extern chap_refused
extern chap_fallback
extern command_reset
extern pdu_begin
extern pdu_commit
extern scsi_open
extern disk_blocks
extern text_value
extern tcp_connect
extern tcp_close
extern tcp_abort
extern tcp_state
extern net_poll
extern time_now
extern net_now
extern net_poll_again
extern ev_initiator_name
extern ev_target_name
extern ev_target_ip
extern ev_target_port
extern ev_lun
extern ev_target_ip2
extern ev_target_port2
extern ev_target_name2
extern ev_lun2
extern error_print
extern error_detail
extern ev_auth_method
extern ev_connect_timeout
extern ev_connect_retries
extern ev_io_timeout

BSS iscsi
session_ip:         resd 1              ; where the session is
session_port:       resw 1
redirect_port:      resw 1              ; where the target says that it is
redirect_ip:        resd 1              ; 0: it did not say, or not so that we could use it
session_hops:       resb 1
session_tries:      resb 1
session_target:     resb 1              ; 0: the first, 1: the second
session_detail:     resd 1              ; error_detail of session_why
session_hope:       resb 1              ; 1: in this round something failed that may pass
session_why:        resw 1              ; why the login without a security stage failed; 0: there was none

RODATA iscsi
session_target1:
        dw      ev_target_ip, ev_target_port, ev_target_name, ev_lun
session_target2:
        dw      ev_target_ip2, ev_target_port2, ev_target_name2, ev_lun2

CODE iscsi
;---------------------------------------------------------------------------
; iscsi_open - connect to the target that the EVs name, and to its disk
; in:       ev_*
; out:      CF = 0: disk_blocks, disk_block_size; CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
iscsi_open:
        xor     eax, eax
        mov     [disk_blocks], eax      ; not known yet: nothing to compare with
        mov     [disk_blocks + 4], eax
        movzx   eax, word [ev_io_timeout]
        imul    eax, eax, 1000 / 3
        cmp     eax, SILENCE_MAX
        jb      .limit
        mov     eax, SILENCE_MAX
.limit:
        mov     [silence_limit], eax
        mov     al, [ev_connect_retries]
        mov     [session_tries], al
        mov     byte [session_target], 0
.round:
        mov     byte [session_hope], 0
.try:
        call    deadline_connect
        call    session_connect
        jnc     .out
        call    error_transient
        jc      .next
        mov     byte [session_hope], 1
.next:
        call    session_switch
        jz      .all                    ; there is no other, or it was its turn
        call    error_print             ; why it is not the first target
        jmp     .try
.all:
        cmp     byte [session_hope], 1
        jc      .out                    ; nothing that another round could change
        sub     byte [session_tries], 1
        jc      .out
        push    ax
        call    deadline_connect
        mov     eax, OPEN_PAUSE
        call    iscsi_pause
        pop     ax
        jmp     .round
.out:
        ret

;---------------------------------------------------------------------------
; session_switch - the other target's turn, where there are two
; in:       session_target
; out:      session_target; ZF = 1: it is the first one now
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
session_switch:
        cmp     dword [ev_target_ip2], 0
        je      .out
        xor     byte [session_target], 1
.out:
        ret

;---------------------------------------------------------------------------
; deadline_connect - the time that one attempt to connect has
; in:       ev_connect_timeout
; out:      iscsi_deadline; net_now = time
; clobbers: EAX, BX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
deadline_connect:
        call    time_now
        mov     [net_now], eax
        mov     bx, ev_connect_timeout
        call    deadline_after
        mov     [iscsi_deadline], eax
        ret

;---------------------------------------------------------------------------
; deadline_io - the time that a call of INT 13h has
; in:       net_now
; out:      EAX = deadline
; clobbers: BX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
; The clock is not looked at: each tick has set net_now, and where there are none the clock does not
; lose more than a tick either. So the time may end 55 ms early.
deadline_io:
        mov     bx, ev_io_timeout
deadline_after:                         ; fallthrough: BX = variable (word) with the seconds
        movzx   eax, word [bx]
        imul    eax, eax, 1000
        add     eax, [net_now]
        ret

;---------------------------------------------------------------------------
; error_transient - may it go better when tried again?
; in:       AX = error
; out:      CF = 0: yes (network, session); CF = 1: no (configuration, disk); AX unchanged
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
error_transient:
        cmp     ax, 3000                ; the ranges: docs/assembly.md and the tables themselves
        jb      .no
        cmp     ax, 4100
        jb      .yes
        cmp     ax, 5000
        jb      .no
        cmp     ax, 5050
.yes:
        cmc
        ret
.no:
        stc
        ret

;---------------------------------------------------------------------------
; session_connect - one attempt: TCP, login, logical unit
; in:       iscsi_deadline
; out:      CF = 1, AX = error; nothing is open then
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
session_connect:
        mov     word [login_initiator_name], ev_initiator_name
        mov     bx, session_target1
        cmp     byte [session_target], 0
        je      .target
        mov     bx, session_target2
.target:
        mov     si, [cs:bx + session_row.lun]
        mov     eax, [si]
        mov     [session_lun], eax
        mov     eax, [si + 4]
        mov     [session_lun + 4], eax
        mov     si, [cs:bx + session_row.name]
        mov     [login_target_name], si
        mov     si, [cs:bx + session_row.port]
        mov     cx, [si]
        mov     si, [cs:bx + session_row.ip]
        mov     eax, [si]
        mov     byte [session_hops], REDIRECT_HOPS
        mov     byte [chap_refused], 0
.hop:
        and     word [session_why], 0
        mov     [session_ip], eax
        mov     [session_port], cx
        cmp     byte [ev_auth_method], AUTH_NONE
        setz    [login_stage]           ; without CHAP the security stage can be left out
.dial:
        and     dword [redirect_ip], 0
        mov     al, [login_stage]
        push    ax
        mov     eax, [session_ip]
        mov     cx, [session_port]
        mov     edx, [iscsi_deadline]
        call    tcp_connect
        jc      .failed
        call    iscsi_login
        jc      .failed
        pop     cx
        call    scsi_open
        jc      session_drop
        ret
.failed:
        call    session_drop
        pop     cx
        cmp     ax, ERR_LOGIN_REDIRECT
        je      .moved
        mov     byte [login_stage], ISCSI_STAGE_SECURITY
        call    chap_fallback
        je      .dial
        ; A target may insist on the security stage, also for AuthMethod=None, and says so in one of
        ; these ways (RFC 7143, 6.3); the second login tells whether it was that.
        cmp     cl, ISCSI_STAGE_SECURITY
        je      .second
        mov     [session_why], ax
        push    dword [error_detail]
        pop     dword [session_detail]
        cmp     ax, ERR_LOGIN_INITIATOR_ERROR
        je      .dial
        cmp     ax, ERR_LOGIN_AUTHENTICATION
        je      .dial
        cmp     ax, ERR_LOGIN_INVALID
        je      .dial
.out:
        stc
        ret
.second:                                ; LIO hangs up without a word on one that offers None alone: its
        cmp     ax, ERR_ISCSI_CLOSED    ; answer to the first login says more
        ja      .out
        cmp     word [session_why], 0
        je      .out
        mov     ax, [session_why]
        push    dword [session_detail]
        pop     dword [error_detail]
        jmp     .out
.moved:
        dec     byte [session_hops]
        js      .out
        mov     eax, [redirect_ip]
        mov     cx, [redirect_port]
        test    eax, eax
        jnz     .hop
        FAIL    LOGIN_REDIRECT_ADDRESS

;---------------------------------------------------------------------------
; session_drop - give the session up without a word
; in:       AX = error that led here
; out:      CF = 1, AX unchanged
; clobbers: EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
session_drop:
        push    eax
        mov     byte [iscsi_phase], PHASE_NONE
        call    command_reset
        call    ahead_forget
        call    tcp_abort
        pop     eax
        stc
        ret

;---------------------------------------------------------------------------
; session_check - does the session stand?
; in:       none
; out:      ZF = 1: it does, as far as is known without asking
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
session_check:
        cmp     byte [iscsi_phase], PHASE_FULL
        jne     .out
        cmp     byte [tcp_state], TCP_ESTABLISHED
        jne     .out
        cmp     byte [session_ending], 0
.out:
        ret

;---------------------------------------------------------------------------
; session_ready - see to it that there is a session: one attempt
; in:       iscsi_deadline = end of all patience; net_now
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
session_ready:
        call    net_poll_again          ; what has come meanwhile: RST, FIN, asynchronous messages
        call    session_check
        jz      .out                    ; equal: CF = 0
        push    dword [iscsi_deadline]
        call    iscsi_close
        call    deadline_connect
        pop     eax
        push    eax
        mov     edx, eax
        sub     edx, [iscsi_deadline]
        jns     .try
        mov     [iscsi_deadline], eax   ; patience ends sooner than the attempt's time
.try:
        call    session_connect
        pop     dword [iscsi_deadline]
        jnc     .out
        call    session_switch
        stc
.out:
        ret

;---------------------------------------------------------------------------
; iscsi_pause - let time pass, but not beyond the deadline
; in:       EAX = ms, iscsi_deadline
; out:      CF = 1, AX = error: the deadline came first
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
iscsi_pause:
        mov     ecx, eax
        call    time_now
        add     ecx, eax
.wait:
        push    ecx
        call    net_poll
        pop     ecx
        mov     eax, [net_now]
        sub     eax, ecx
        jns     .over
        call    iscsi_expired
        jnc     .wait
        ret
.over:
        clc
        ret

;---------------------------------------------------------------------------
; iscsi_close - log out, close the connection
; in:       none
; out:      none
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
iscsi_close:
        cmp     byte [iscsi_phase], PHASE_FULL
        jne     session_drop
        cmp     byte [tcp_state], TCP_ESTABLISHED
        jne     session_drop
        mov     al, ISCSI_LOGOUT | ISCSI_IMMEDIATE
        call    pdu_begin
        jc      session_drop
        mov     byte [di + TXREC.header + bhs.flags], LOGOUT_CLOSE_SESSION
        mov     byte [di + TXREC.header + bhs.itt + 3], LOGOUT_TAG
        mov     byte [iscsi_phase], PHASE_LOGOUT
        mov     byte [logout_done], 0
        call    pdu_commit
        call    time_now
        add     eax, LOGOUT_WAIT
        mov     [iscsi_deadline], eax
.wait:
        call    iscsi_pump
        jc      session_drop
        cmp     byte [logout_done], 0
        je      .wait
        call    tcp_close
        jmp     session_drop

;---------------------------------------------------------------------------
; login_redirect - TargetAddress: where the target has moved to
; in:       text_value
; out:      CF = 0; redirect_ip, redirect_port; redirect_ip = 0 where it is no IPv4 address
; clobbers: EAX, EBX, ECX, EDX, SI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
login_redirect:
        mov     si, text_value
        mov     cx, 4                   ; parts of the address
.part:
        mov     bx, 255
        call    .number
        jc      .bad
        shl     edx, 8
        mov     dl, al
        dec     cx
        jz      .port
        cmp     byte [si], '.'
        jne     .bad
        inc     si
        jmp     .part
.port:
        mov     ax, DEFAULT_PORT
        cmp     byte [si], ':'
        jne     .tag
        inc     si
        mov     bx, 65535
        call    .number
        jc      .bad
.tag:
        mov     cl, [si]
        jcxz    .good
        cmp     cl, ','                 ; portal group tag: means nothing here
        jne     .bad
.good:
        test    ax, ax
        jz      .bad
        mov     [redirect_port], ax
        BSWAP   edx
        mov     [redirect_ip], edx
        clc
        ret
.bad:
        and     dword [redirect_ip], 0  ; the login says so when it meets a redirection
        ret
.number:                                ; AX = decimal number at SI, at most BX; CF = 1: none
        push    edx
        push    cx
        xor     eax, eax
        mov     cl, [si]
        sub     cl, '0'
        cmp     cl, 10
        cmc
        jc      .none
.digit:
        imul    eax, eax, 10
        movzx   ecx, cl
        add     eax, ecx
        movzx   ecx, bx
        cmp     ecx, eax
        jb      .none
        inc     si
        mov     cl, [si]
        sub     cl, '0'
        cmp     cl, 10
        jb      .digit
        clc
.none:
        pop     cx
        pop     edx
        ret
