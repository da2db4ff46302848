; TCP: retransmission and persist timer, round-trip time (RFC 6298; RFC 9293, 3.8).
%include "romgen.inc"
%include "net.inc"

global tcp_timers:function
global tcp_rtt_sample:function
global tcp_rto_set:function

extern time_now
extern net_now, arp_request, ev_io_timeout
extern tcp_state, tcp_snd_una, tcp_snd_nxt, tcp_snd_max, tcp_snd_end, tcp_mss, tcp_cwnd, tcp_recover
extern tcp_recovery, tcp_dup_acks, tcp_resend
extern tcp_rto, tcp_rtt_min, tcp_srtt, tcp_rttvar, tcp_rtt_on, tcp_rtt_start
extern tcp_timer, tcp_timer_at, tcp_retries, tcp_progress
extern tcp_quiet_at, tcp_patience, cmd_active, nop_out_ping
extern tcp_halve, tcp_sendable, tcp_send, tcp_send_flags, tcp_send_syn, tcp_timer_start, tcp_fail

RTO_MIN         equ 100         ; ms: a net of a data centre, and peers that delay ACKs by 40 ms
RTO_MAX         equ 60000
PERSIST_MAX     equ 5000        ; between probes: a lost window update should not cost a minute
RE_ARP          equ 2           ; expiries in a row, then the next hop may have got another MAC
GIVE_UP_SHARE   equ 1000 / 2    ; half of IOTimeout, in ms: leaves time to connect again

CODE tcp_timer
;---------------------------------------------------------------------------
; tcp_remind - a peer that owes data is silent: what may be lost?
; in:       net_now
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
; Our segment, so it goes again: a peer that is near acknowledges at once, and the time-out is long for it. Or
; the peer's last ones, and nothing behind them tells it: it would wait for its time-out, a second and more for
; some. Three duplicate ACKs make it send at once what is missing (RFC 5681, 3.2), where it does without
; selective acknowledgements; else the answer to a NOP-Out comes behind the hole, and its SACK tells (RFC 8985).
; A peer that has nothing under way does not mind.
tcp_remind:
        mov     al, [cmd_active]        ; 0 or 1
        add     al, al
%if TCP_ESTABLISHED != 2
  %error tcp_remind doubles cmd_active
%endif
        test    [tcp_state], al
        jz      .out
        mov     ax, [net_now]           ; a minute of silence: somebody else has given up before
        sub     ax, [tcp_quiet_at]
        cmp     ax, [tcp_patience]
        jb      .out
        rol     word [tcp_patience], 1  ; beyond a minute it begins anew, which is still no flood
        mov     al, [tcp_timer]
        cmp     al, TIMER_PERSIST
        je      .out
        mov     [tcp_resend], al        ; something of ours is under way: it may be that which was lost
        test    al, al
        jnz     .out
        mov     cx, TCP_DUP_ACKS
.ack:
        push    cx
        mov     bl, TCP_ACK
        call    tcp_send_flags
        pop     cx
        loop    .ack
        jmp     nop_out_ping
.out:
        ret

;---------------------------------------------------------------------------
; tcp_timers - act on the timer if it has expired, or remind the peer
; in:       net_now
; out:      nothing; tcp_output sends what is due
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tcp_timers:
        cmp     byte [tcp_timer], TIMER_OFF
        je      tcp_remind
        mov     eax, [net_now]
        mov     edx, eax
        sub     eax, [tcp_timer_at]
        js      tcp_remind
        mov     eax, [tcp_rto]          ; back off (RFC 6298, 5.5)
        add     eax, eax
        mov     ebx, RTO_MAX
        cmp     byte [tcp_timer], TIMER_PERSIST
        jne     .most
        mov     ebx, PERSIST_MAX
.most:
        cmp     eax, ebx
        jbe     .rto
        xchg    eax, ebx
.rto:
        mov     [tcp_rto], eax
        inc     byte [tcp_retries]
        mov     byte [tcp_rtt_on], 0    ; Karn
        cmp     byte [tcp_state], TCP_SYN_SENT
        jne     .open
        call    .re_arp
        jmp     tcp_send_syn            ; tcp_connect knows when it is enough
.open:
        movzx   eax, word [ev_io_timeout]
        imul    eax, eax, GIVE_UP_SHARE
        sub     edx, [tcp_progress]
        cmp     edx, eax
        jae     .give_up
        call    .re_arp
        cmp     byte [tcp_timer], TIMER_PERSIST
        je      .probe
        mov     byte [tcp_timer], TIMER_OFF
        call    tcp_halve               ; a loss: begin anew with one segment (RFC 5681, 3.1)
        mov     eax, [tcp_mss]
        mov     [tcp_cwnd], eax
        mov     eax, [tcp_snd_una]
        mov     [tcp_snd_nxt], eax
        mov     eax, [tcp_snd_max]
        mov     [tcp_recover], eax
        xor     ax, ax
        mov     [tcp_dup_acks], ax      ; and tcp_recovery
        mov     [tcp_resend], al
.out:
        ret
.probe:
        call    tcp_sendable            ; what fits in, at least a byte: it draws the window from the peer
        jecxz   .byte
        jmp     .send
.byte:
        inc     cx
.send:
        mov     eax, [tcp_snd_nxt]
        mov     edx, [tcp_snd_end]
        sub     edx, eax
        cmp     ecx, edx                ; tcp_sendable may have counted a FIN
        jbe     .data
        mov     ecx, edx
.data:
        mov     edx, eax
        add     edx, ecx
        mov     ebx, edx
        sub     ebx, [tcp_snd_max]
        js      .known
        mov     [tcp_snd_max], edx      ; its acknowledgement is welcome; snd_nxt stays
.known:
        mov     bl, TCP_ACK
        call    tcp_send
        jc      .out
        mov     al, TIMER_PERSIST
        jmp     tcp_timer_start
.give_up:
        mov     ax, ERR_TCP_RETRANSMIT
        jmp     tcp_fail
.re_arp:
        cmp     byte [tcp_retries], RE_ARP
        je      arp_request             ; the old entry serves until the answer comes
        ret

;---------------------------------------------------------------------------
; tcp_rtt_sample - a measured round trip: smooth it, set the time-out (RFC 6298, 2)
; in:       tcp_rtt_start
; out:      tcp_srtt, tcp_rttvar, tcp_rto; no sample is being taken any more
; clobbers: EAX, EDX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_rtt_sample:
        call    time_now                ; net_now may be older than the round trip where the machine is busy
        sub     eax, [tcp_rtt_start]
        shr     byte [tcp_rtt_on], 1
        mov     byte [tcp_rtt_on], 0
        jnc     .known                  ; over a period's end (time_now): it may be too short, which matters
                                        ; for the least alone
        cmp     eax, [tcp_rtt_min]
        jae     .known
        mov     [tcp_rtt_min], eax
.known:
        test    eax, eax
        jnz     .smooth
        inc     ax                      ; faster than the clock can tell
.smooth:
        mov     edx, [tcp_srtt]
        shr     edx, 3
        jz      .first
        sub     eax, edx                ; EAX = R - SRTT
        add     [tcp_srtt], eax         ; SRTT += (R - SRTT) / 8
        cdq
        xor     eax, edx
        sub     eax, edx
        mov     edx, [tcp_rttvar]
        shr     edx, 2
        sub     eax, edx
        add     [tcp_rttvar], eax       ; RTTVAR += (|R - SRTT| - RTTVAR) / 4
        jmp     tcp_rto_set
.first:
        lea     edx, [eax + eax]        ; RTTVAR = R / 2
        mov     [tcp_rttvar], edx
        shl     eax, 3
        mov     [tcp_srtt], eax
; fallthrough: tcp_rto_set

;---------------------------------------------------------------------------
; tcp_rto_set - the time-out from the smoothed round trip; without one it stays
; in:       tcp_srtt, tcp_rttvar
; out:      tcp_rto
; clobbers: EAX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_rto_set:
        mov     eax, [tcp_srtt]
        shr     eax, 3
        jz      .out
        add     eax, [tcp_rttvar]       ; SRTT + 4 * RTTVAR
        cmp     eax, RTO_MIN
        jae     .least
        mov     eax, RTO_MIN
.least:
        cmp     eax, RTO_MAX
        jbe     .set
        mov     eax, RTO_MAX
.set:
        mov     [tcp_rto], eax
.out:
        ret
