; iSCSI login: stages, negotiation, the meaning of a refusal (RFC 7143, 6 and 13).
%include "romgen.inc"
%include "iscsi.inc"

global iscsi_login:function
global login_waiting:data
global login_ready:data
global rx_digests:data
global nop_waiting:data
global session_ending:data
global chap_step:data
global chap_got:data
global iscsi_exp_stat_sn:data
global login_stage:data
global login_done:function
global login_flags:data
global login_answer:data
global login_exchanges:data
global login_segment_max:data
global login_burst:data
global login_first_burst:data
global login_initial_r2t:data
global login_immediate:data
global login_header_digest:data
global login_data_digest:data
global login_auth:data
global login_initiator_name:data
global login_target_name:data
global session_isid:data
global session_tsih:data
extern swap_eax
extern pdu_begin
extern pdu_payload_near
extern pdu_commit
extern text_reset
extern text_end
extern crc32c_detect
extern tcp_slots_all
extern text_out
extern text_out_length
extern text_full
extern login_send_keys
extern login_redirect
extern rx_reset
extern rx_unasked
extern stat_sn_check
extern rx_bhs
extern rx_max
extern iscsi_phase
extern iscsi_cmd_sn
extern iscsi_max_cmd_sn
extern cmd_tag
extern command_reset
extern iscsi_pump
extern error_detail
extern net_mac
extern chap_send
extern ev_auth_method
extern ev_header_digest
extern ev_data_digest

BSS iscsi
login_initiator_name:   resw 1          ; offsets of the names
login_target_name:      resw 1
; what was negotiated; dwords, because the table's rows store such
login_segment_max:      resd 1          ; the target's MaxRecvDataSegmentLength
login_burst:            resd 1
login_first_burst:      resd 1
login_initial_r2t:      resd 1
login_ignored:          resd 1          ; results that change nothing
session_isid:           resb 6
session_tsih:           resw 1          ; as on the wire
login_stage:            resb 1          ; CSG: where the login stands
login_flags:            resb 1          ; of our last request
login_answer:           resb 1          ; of the last response
session_zeros:                          ; from here on 0 when a login begins
login_immediate:        resd 1
iscsi_exp_stat_sn:      resd 1          ; StatSN that the target's next answer has
; ... and behind each of these three the offer, a number of text_choices
login_header_digest:    resd 1
.offer:                 resb 1
login_data_digest:      resd 1
.offer:                 resb 1
login_auth:             resd 1          ; 0 None, 1 CHAP, FFFFFFFFh: not answered
.offer:                 resb 1
login_exchanges:        resb 1          ; requests so far
login_waiting:          resb 1          ; 1: a Login Response is due
login_ready:            resb 1          ; 1: it is there
rx_digests:             resb 1          ; DIGEST_ bits: what the session has
nop_waiting:            resb 1          ; 1: a ping of the target has no answer yet (nop_ttt, nop_lun)
session_ending:         resb 1          ; 1: the target wants us to log out
chap_step:              resb 1
chap_got:               resb 1
session_zeros_end:

; Keys of RFC 7143, 13, in the order in which they are sent. The value stands behind the key.
%macro LOGIN_KEY 3                      ; flags, variable or routine, text
        db      %1
        dw      %2
        db      %3, 0
%endmacro
%macro LOGIN_RANGE 5                    ; flags, variable, low, high, text
        db      %1 | KEY_RANGE
        dw      %2, %3
        dd      %4
        db      %5, 0
%endmacro

TABLE login_keys, 10
        LOGIN_KEY   KEY_NAMES | KEY_STRING, login_initiator_name, "InitiatorName="
        LOGIN_KEY   KEY_NAMES, 0, "SessionType=Normal"
        LOGIN_KEY   KEY_NAMES | KEY_STRING, login_target_name, "TargetName="
        LOGIN_RANGE KEY_SECURITY | KEY_CHOICE, login_auth, 0, 1, "AuthMethod="
        LOGIN_RANGE KEY_OPERATIONAL | KEY_CHOICE, login_header_digest, 0, 1, "HeaderDigest="
        LOGIN_RANGE KEY_OPERATIONAL | KEY_CHOICE, login_data_digest, 0, 1, "DataDigest="
        LOGIN_RANGE KEY_OPERATIONAL, login_ignored, 1, 1, "MaxConnections=1"
        LOGIN_RANGE KEY_OPERATIONAL, login_initial_r2t, 0, 1, "InitialR2T=No"
        LOGIN_RANGE KEY_OPERATIONAL, login_immediate, 0, 1, "ImmediateData=Yes"
        LOGIN_RANGE KEY_OPERATIONAL, login_segment_max, 512, 0FFFFFFh, {"MaxRecvDataSegmentLength=", OUR_SEGMENT_TEXT}
        LOGIN_RANGE KEY_OPERATIONAL, login_burst, 512, OUR_BURST_MAX, {"MaxBurstLength=", OUR_BURST_TEXT}
        LOGIN_RANGE KEY_OPERATIONAL, login_first_burst, 512, OUR_FIRST_BURST, {"FirstBurstLength=", OUR_FIRST_TEXT}
        LOGIN_RANGE KEY_OPERATIONAL, login_ignored, 0, 3600, "DefaultTime2Wait=0"
        LOGIN_RANGE KEY_OPERATIONAL, login_ignored, 0, 3600, "DefaultTime2Retain=0"
        LOGIN_RANGE KEY_OPERATIONAL, login_ignored, 1, OUR_R2T_MAX, {"MaxOutstandingR2T=", OUR_R2T_TEXT}
        LOGIN_RANGE KEY_OPERATIONAL, login_ignored, 1, 1, "DataPDUInOrder=Yes"
        LOGIN_RANGE KEY_OPERATIONAL, login_ignored, 1, 1, "DataSequenceInOrder=Yes"
        LOGIN_RANGE KEY_OPERATIONAL, login_ignored, 0, 0, "ErrorRecoveryLevel=0"
        LOGIN_KEY   KEY_ROUTINE | KEY_REPEAT, login_redirect, "TargetAddress="
        ; declared by the target, nothing to answer
        LOGIN_KEY   KEY_REPEAT, 0, "TargetAlias="
        LOGIN_KEY   KEY_REPEAT, 0, "TargetPortalGroupTag="
        LOGIN_KEY   KEY_REPEAT, 0, "InitiatorAlias="
        LOGIN_KEY   KEY_REPEAT, 0, "SendTargets="
        LOGIN_KEY   KEY_REPEAT, 0, "X#NodeArchitecture="
        ; offered by some targets; the text is our answer
        LOGIN_KEY   KEY_ANSWER, 0, "IFMarker=No"
        LOGIN_KEY   KEY_ANSWER, 0, "OFMarker=No"
        LOGIN_KEY   KEY_ANSWER, 0, "IFMarkInt=Reject"
        LOGIN_KEY   KEY_ANSWER, 0, "OFMarkInt=Reject"
        LOGIN_KEY   KEY_ANSWER, 0, "TaskReporting=RFC3720"
        LOGIN_KEY   KEY_ANSWER, 0, "iSCSIProtocolLevel=1"

CODE iscsi
;---------------------------------------------------------------------------
; iscsi_login - log in on the open connection
; in:       login_stage = stage to begin in, login_target_name, login_initiator_name,
;           iscsi_deadline
; out:      CF = 0: full feature phase; CF = 1, AX = error (ERR_LOGIN_REDIRECT: see login_redirect)
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
iscsi_login:
        call    login_start
        mov     al, KEY_NAMES
        call    login_send_keys
.stage:
        mov     al, [login_stage]       ; 0 -> KEY_SECURITY, 1 -> KEY_OPERATIONAL
        inc     ax
        shl     al, 1
        call    login_send_keys
.request:
        mov     al, ISCSI_FLAG_TRANSIT | (ISCSI_STAGE_OPERATIONAL << LOGIN_CSG_SHIFT) | ISCSI_STAGE_FULL
        cmp     byte [login_stage], ISCSI_STAGE_SECURITY
        jne     .flags
        call    login_security
        jc      .out
.flags:
        mov     cx, [text_out_length]
        and     word [text_out_length], 0
.send:
        call    login_exchange
        jc      .out
        mov     al, [login_stage]
        cmp     al, ISCSI_STAGE_FULL
        je      tcp_slots_all           ; CF = 0
        mov     ah, [login_answer]
        test    ah, ISCSI_FLAG_TRANSIT
        jnz     .stage
        test    ah, ISCSI_FLAG_CONTINUE
        jz      .request
        mov     al, [login_flags]       ; more text follows: ask for it by an empty request
        xor     cx, cx
        jmp     .send
.out:
        ret

;---------------------------------------------------------------------------
; login_start - a new session: numbers, defaults, parser
; in:       none
; out:      none
; clobbers: EAX, CX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
login_start:
        push    ds
        pop     es
        mov     di, session_zeros
        mov     cx, session_zeros_end - session_zeros
        mov     al, 0
        rep stosb
        call    text_reset
        call    rx_reset
        call    command_reset
        ; The ISID has to stay the same at each boot: the target then ends what is left of the last
        ; session. OUI format (RFC 7143, 11.12.5): the MAC without its two lowest bits of byte 0.
        mov     si, net_mac
        mov     di, session_isid
        movsd
        movsw
        shr     byte [session_isid], 2
        or      dword [login_auth], byte -1
        mov     al, [ev_auth_method]
        cmp     al, AUTH_NONE
        je      .auth
        add     al, TEXT_CHOICE_AUTH - AUTH_CHAP
.auth:
        mov     [login_auth.offer], al
        mov     al, [ev_header_digest]
        mov     [login_header_digest.offer], al
        mov     al, [ev_data_digest]
        mov     [login_data_digest.offer], al
        mov     byte [iscsi_phase], PHASE_LOGIN
        xor     eax, eax
        inc     ax
        mov     [login_initial_r2t], eax
        mov     [iscsi_cmd_sn], eax
        mov     al, FIRST_COMMAND_TAG
        mov     [cmd_tag], eax
        mov     ax, LOGIN_PDU_MAX
        mov     [rx_max], eax
        mov     [login_segment_max], eax        ; SEGMENT_DEFAULT is the same
        mov     dword [login_burst], OUR_BURST_MAX
        mov     dword [login_first_burst], FIRST_BURST_DEFAULT
        ret

;---------------------------------------------------------------------------
; login_exchange - one request and its response
; in:       AL = flags of the request, CX = length of its text in text_out
; out:      CF = 0: the response is in rx_bhs; CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
login_exchange:
        cmp     byte [text_full], 0
        jne     .room
        cmp     byte [login_exchanges], LOGIN_EXCHANGES
        jae     .endless
        inc     byte [login_exchanges]
        mov     [login_flags], al
.record:
        push    cx
        mov     al, ISCSI_LOGIN | ISCSI_IMMEDIATE
        call    pdu_begin
        pop     cx
        jnc     .build
        push    cx
        call    iscsi_pump
        pop     cx
        jnc     .record
        ret
.build:
        mov     al, [login_flags]
        mov     [di + TXREC.header + bhs_login.flags], al
        mov     eax, [session_isid]
        mov     [di + TXREC.header + bhs_login.isid], eax
        mov     ax, [session_isid + 4]
        mov     [di + TXREC.header + bhs_login.isid + 4], ax
        mov     byte [di + TXREC.header + bhs_login.itt + 3], LOGIN_TAG
        mov     si, text_out
        call    pdu_payload_near
        mov     byte [login_waiting], 1
        call    pdu_commit
.wait:
        call    iscsi_pump
        sbb     dl, dl                  ; a target that refuses closes the connection with its answer
        mov     dh, 0
        xchg    dh, [login_ready]
        test    dh, dh
        jnz     .there
        test    dl, dl
        jz      .wait
        stc
        ret
.there:
        clc
        ret
.room:
        FAIL    LOGIN_TEXT_ROOM
.endless:
        FAIL    LOGIN_ENDLESS

;---------------------------------------------------------------------------
; login_done - a Login Response is complete
; in:       rx_bhs
; out:      CF = 0: login_ready = 1, login_answer, login_stage; CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
; At once and not when the login gets to it: the full feature phase begins with the next byte.
login_done:
        call    login_judge
        jc      .out
        mov     byte [login_ready], 1   ; CF = 0
.out:
        ret

;---------------------------------------------------------------------------
; login_judge - is the response right, where does it lead?
; in:       rx_bhs
; out:      CF = 0: login_answer, login_stage; CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
login_judge:
        cmp     dword [rx_bhs + bhs.itt], LOGIN_TAG << 24
        jne     rx_unasked
        mov     al, [rx_bhs + bhs_login_response.flags]
        mov     [login_answer], al
        cmp     byte [rx_bhs + bhs_login_response.status_class], 0
        jne     login_refused           ; its numbers mean nothing
        cmp     byte [login_exchanges], 1
        jne     .number
        mov     eax, [rx_bhs + bhs_target.stat_sn]
        call    swap_eax
        mov     [iscsi_exp_stat_sn], eax        ; StatSN begins where the target likes
.number:
        call    stat_sn_check
        jc      .out
        mov     al, [login_answer]
        mov     ah, al
        shr     ah, LOGIN_CSG_SHIFT
        and     ah, LOGIN_NSG_MASK
        cmp     ah, [login_stage]
        jne     login_bad_flags
        and     al, ISCSI_FLAG_TRANSIT | ISCSI_FLAG_CONTINUE
        cmp     al, ISCSI_FLAG_CONTINUE
        ja      .move                   ; T, or T and C
        je      .out                    ; CF = 0
        jmp     text_end
.move:
        mov     al, [login_flags]       ; only where we asked for it, only to where, and without C
        xor     al, [login_answer]
        test    al, ISCSI_FLAG_TRANSIT | ISCSI_FLAG_CONTINUE | LOGIN_NSG_MASK
        jnz     login_bad_flags
        call    text_end
        jc      .out
        mov     al, [login_answer]
        and     al, LOGIN_NSG_MASK
        mov     [login_stage], al
        cmp     al, ISCSI_STAGE_FULL
        je      login_finish
        cmp     byte [ev_auth_method], AUTH_MUTUAL
        jne     .good
        cmp     byte [chap_got], CHAP_GOT_CHALLENGE | CHAP_GOT_PROOF
        jne     .no_proof
.good:
        clc
.out:
        ret
.no_proof:
        FAIL    CHAP_PROOF              ; it goes on without having proved itself

;---------------------------------------------------------------------------
; login_security - the next step of the security stage
; in:       login_auth, chap_step
; out:      CF = 0: AL = flags of the request, its keys are in text_out; CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
login_security:
        mov     dl, [ev_auth_method]
        mov     eax, [login_auth]
        inc     eax
        jz      .unanswered
        dec     eax
        jnz     .chap
        cmp     dl, AUTH_MUTUAL         ; None, although it was not offered
        je      .wanted
.transit:
        mov     al, ISCSI_FLAG_TRANSIT | ISCSI_STAGE_OPERATIONAL
        clc
        ret
.unanswered:
        test    dl, dl
        jz      .transit
        mov     al, [login_exchanges]
        test    al, al
        jnz     .wanted                 ; Reject, or no word about it
        ret
.chap:
        test    dl, dl
        jnz     chap_send
.wanted:
        FAIL    LOGIN_AUTH_WANTED

;---------------------------------------------------------------------------
; login_bad_flags [jump] - the flags of a response make no sense
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, flags
; needs:    DS = DGROUP; returns to the caller of login_judge
;---------------------------------------------------------------------------
login_bad_flags:
        movzx   eax, byte [rx_bhs + bhs_login_response.flags]
        mov     [error_detail], eax
        FAIL    LOGIN_STAGE

;---------------------------------------------------------------------------
; login_refused [jump] - a status class other than 0
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; returns to the caller of login_judge
;---------------------------------------------------------------------------
login_refused:
        call    text_end
        jc      .out
        movzx   eax, word [rx_bhs + bhs_login_response.status_class]
        xchg    al, ah
        mov     [error_detail], eax
        xchg    al, ah                  ; AL = class, AH = detail
        mov     bx, ERR_LOGIN_REDIRECT
        cmp     al, LOGIN_CLASS_REDIRECT
        je      .number
        mov     bx, ERR_LOGIN_INITIATOR_ERROR
        mov     cl, LOGIN_STATUS_LAST + 1
        cmp     al, LOGIN_CLASS_INITIATOR
        je      .detail
        mov     bx, ERR_LOGIN_TARGET_ERROR
        mov     cl, LOGIN_TARGET_LAST + 1
        cmp     al, LOGIN_CLASS_TARGET
        je      .detail
        mov     bx, ERR_LOGIN_OTHER
        jmp     .number
.detail:
        cmp     ah, cl                  ; details behind the last named one share its successor
        jb      .named
        mov     ah, cl
.named:
        mov     cl, ah
        mov     ch, 0
        add     bx, cx
.number:
        xchg    ax, bx
        stc
.out:
        ret

;---------------------------------------------------------------------------
; login_finish [jump] - full feature phase
; in:       rx_bhs
; out:      CF = 0
; clobbers: EAX, EBX, ECX, EDX, flags
; needs:    DS = DGROUP; returns to the caller of login_judge
;---------------------------------------------------------------------------
login_finish:
        mov     ax, [rx_bhs + bhs_login_response.tsih]
        mov     [session_tsih], ax
        mov     eax, [rx_bhs + bhs_login_response.max_cmd_sn]
        call    swap_eax
        mov     [iscsi_max_cmd_sn], eax
        mov     eax, [login_burst]
        cmp     eax, [login_first_burst]
        jae     .burst
        mov     [login_first_burst], eax        ; never beyond MaxBurstLength (RFC 7143, 13.14)
.burst:
        xor     eax, eax                ; AL = digests that are in use
        mov     cl, DIGEST_HEADER
        mov     bx, login_header_digest
        call    .digest
        jc      .refused
        mov     cl, DIGEST_DATA
        mov     bx, login_data_digest
        call    .digest
        jc      .refused
        push    ax
        call    crc32c_detect
        pop     ax
        mov     [rx_digests], al
        call    rx_reset                ; the next PDU has them already
        mov     dword [rx_max], OUR_SEGMENT_MAX
        mov     byte [iscsi_phase], PHASE_FULL
        clc
        ret
.digest:                                ; AL |= CL where BX is agreed on; CF = 1: not what the EV wants
        mov     ch, [bx]
        cmp     ch, 1
        jne     .none
        or      al, cl
.none:
        mov     dl, [bx + 4]            ; the offer; 1 and 0 leave no choice
        cmp     dl, DIGEST_PREFER
        je      .agreed
        cmp     ch, dl
        jne     .wrong
.agreed:
        clc
        ret
.wrong:
        stc
        ret
.refused:
        FAIL    LOGIN_DIGEST
