; TCP: a received segment (RFC 9293, 3.10.7; RFC 5961 against forged ones).
%include "romgen.inc"
%include "net.inc"

global tcp_input:function
global tcp_options:function
global seg_seq:data, seg_ack:data, seg_end:data, seg_wnd:data, seg_flags:data

%if UNDI_BLOB || RX_LESS
extern undi_window
%endif
extern net_now, ip_checksum, iscsi_rx, scratch, error_detail
extern tcp_state, tcp_error, tcp_ports, tcp_remote_ip
extern tcp_snd_una, tcp_snd_nxt, tcp_snd_max, tcp_snd_end, tcp_snd_wnd, tcp_max_wnd, tcp_wl1, tcp_wl2
extern tcp_rcv_nxt, tcp_rcv_wnd, tcp_ring_wnd, tcp_rcv_edge, tcp_mss, tcp_own_mss, tcp_cwnd, tcp_ssthresh, tcp_recover, tcp_rto
extern tcp_timer, tcp_retries, tcp_progress, tcp_heard, tcp_patience, tcp_dup_acks, tcp_recovery, tcp_rtt_on, tcp_rtt_seq
extern tcp_ack_now, tcp_ack_count, tcp_resend, tcp_challenge_at, tcp_challenges, tcp_sack, tcp_slot
extern swap_eax, tcp_slots_end
%if TCP_WIDE
extern tcp_snd_scale
%endif
%if TCP_WIDE = 2
extern tcp_hole_at
%endif
extern tcp_rtt_min, tcp_quiet_at
extern tcp_drop, tcp_fail, tcp_last, tcp_abort_error, tcp_tx_free, tcp_rtt_sample, tcp_rto_set, tcp_send_flags, tcp_reject

TCP_MSS_MIN     equ 64          ; less is no honest offer
TCP_CWND_MAX    equ 65535       ; more is not used
TCP_CWND_FIRST  equ 4380        ; bytes at the beginning (RFC 5681, 3.1)
TCP_RTO_LOST_SYN equ 3000       ; ms (RFC 6298, 5.7)
NEAR_HASTE      equ 2           ; bits: a near peer is reminded after so much less than a time-out
CHALLENGES      equ 10          ; challenge ACKs at most in
CHALLENGE_MS    equ 5000        ; this time (RFC 5961, 7)
TCP_OFFSET_MASK equ 3Ch         ; data offset, shifted to bytes
TCPOPT_MSS_SIZE equ 4
TCPOPT_SACK_PERMITTED_SIZE equ 2
TCPOPT_SCALE_SIZE equ 3
TCP_SCALE_MASK  equ 15          ; 14 is the most that may come

BSS tcp_input
seg_seq:        resd 1          ; the segment: its first sequence number
seg_ack:        resd 1
seg_end:        resd 1          ; sequence number behind the data: that of a FIN
seg_wnd:        resd 1
seg_flags:      resb 1

CODE tcp_input
;---------------------------------------------------------------------------
; tcp_input - a TCP segment
; in:       ES:SI = segment, CX = length; ES:BX = IP header
; out:      nothing; what is to be sent is sent by tcp_output
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI (at the very end) and iscsi_rx
;---------------------------------------------------------------------------
tcp_input:
        cmp     cx, tcp_size
        jb      .drop
        mov     al, IP_PROTO_TCP
        call    ip_checksum
        jnz     .drop
        movzx   di, byte [es:si + tcp.data_offset]
        shr     di, 2                   ; dwords in the upper half of the byte: bytes
        and     di, TCP_OFFSET_MASK
        cmp     di, tcp_size
        jb      .drop
        sub     cx, di
        jb      .drop
        mov     eax, [es:si + tcp.ack]
        call    swap_eax
        mov     [seg_ack], eax
        movzx   eax, word [es:si + tcp.window]
        xchg    al, ah
%if TCP_WIDE
        push    cx
        mov     cl, [tcp_snd_scale]     ; 0 as long as the SYN is not answered: it is never shifted
        shl     eax, cl
        pop     cx
%endif
        mov     [seg_wnd], eax
        mov     eax, [es:si + tcp.seq]
        call    swap_eax
        mov     [seg_seq], eax
        movzx   ecx, cx
        add     eax, ecx
        mov     [seg_end], eax
        mov     dl, [es:si + tcp.flags]
        mov     [seg_flags], dl
        mov     al, [tcp_state]
        cmp     al, TCP_CLOSED
        je      tcp_reject
        mov     ebp, [es:si + tcp.src_port]     ; and the destination port behind it
        rol     ebp, 16
        cmp     ebp, [tcp_ports]
        jne     tcp_reject
        mov     ebp, [es:bx + ip.source]
        cmp     ebp, [tcp_remote_ip]
        jne     tcp_reject
        cmp     al, TCP_SYN_SENT
        je      tcp_input_syn
        add     si, di
        jmp     tcp_segment
.drop:
        ret

;---------------------------------------------------------------------------
; tcp_input_syn - a segment in SYN-SENT
; in:       ES:SI = segment, DI = bytes of its header, DL = flags, ES:BX = IP header, seg_...
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
; A SYN without ACK (both sides open at once) is dropped: an initiator meets listening targets only.
tcp_input_syn:
        test    dl, TCP_ACK
        jz      tcp_input.drop          ; a RST without ACK proves nothing
        mov     eax, [seg_ack]
        cmp     eax, [tcp_snd_max]      ; only our SYN can have been acknowledged
        jne     tcp_reject
        test    dl, TCP_RST
        jnz     .refused
        test    dl, TCP_SYN
        jz      tcp_input.drop
        mov     [tcp_snd_una], eax
        mov     [tcp_wl2], eax
        mov     edx, [seg_seq]
        mov     [tcp_wl1], edx
        inc     edx
        mov     [tcp_rcv_nxt], edx
        mov     [tcp_rcv_edge], edx
        call    tcp_options
        cmp     eax, TCP_MSS_MIN
        jae     .least
        mov     eax, TCP_MSS_MIN
.least:
        cmp     eax, [tcp_own_mss]
        jbe     .mss
        mov     eax, [tcp_own_mss]
.mss:
        mov     [tcp_mss], eax
        lea     edx, [eax * 4]
        cmp     edx, TCP_CWND_FIRST
        jbe     .cwnd
        mov     edx, TCP_CWND_FIRST
.cwnd:
        mov     [tcp_cwnd], edx
        mov     dword [tcp_ssthresh], TCP_CWND_MAX
        ; The peer's segments will hardly be larger than those it takes. The window counts buffers of
        ; the adapter, one for each segment.
        cmp     eax, TCP_MSS_DEFAULT
        jae     .ring_least
        mov     eax, TCP_MSS_DEFAULT    ; what the SYN offered: the right edge never moves back
.ring_least:
        cmp     eax, TCP_MSS_RING
        jbe     .ring
        mov     eax, TCP_MSS_RING
.ring:
%if UNDI_BLOB || RX_LESS
        imul    eax, [undi_window]
%else
        imul    eax, eax, TCP_WINDOW_FRAMES
%endif
        mov     [tcp_ring_wnd], eax
        mov     [tcp_rcv_wnd], eax
        mov     eax, [seg_wnd]
        mov     [tcp_snd_wnd], eax
        mov     [tcp_max_wnd], eax
        mov     word [tcp_timer], TIMER_OFF     ; and tcp_retries
        mov     byte [tcp_ack_now], 1
        mov     byte [tcp_state], TCP_ESTABLISHED
        mov     eax, [net_now]
        mov     [tcp_heard], eax
        mov     dword [tcp_rto], TCP_RTO_LOST_SYN
        cmp     byte [tcp_rtt_on], 0
        jne     tcp_rtt_sample
        ret
.refused:
        mov     ax, ERR_TCP_REFUSED
        jmp     tcp_fail

;---------------------------------------------------------------------------
; tcp_options - read the options of a SYN
; in:       ES:SI = segment, DI = bytes of its header
; out:      EAX = maximum segment size that the peer names, else the default; tcp_sack
; clobbers: BX, CX, DX, DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
tcp_options:
        mov     eax, TCP_MSS_DEFAULT
        lea     bx, [si + tcp_size]
        add     di, si                  ; end of the header
.option:
        cmp     bx, di
        jae     .out
        mov     cl, [es:bx]
        cmp     cl, TCPOPT_NOP
        jb      .out                    ; TCPOPT_END
        je      .one
        inc     bx
        cmp     bx, di
        jae     .out
        movzx   cx, byte [es:bx]        ; length, with kind and itself
        dec     bx
        cmp     cl, 2
        jb      .out                    ; would never end
        mov     dx, di
        sub     dx, bx
        cmp     cx, dx
        ja      .out                    ; goes beyond the header
        cmp     word [es:bx], TCPOPT_SACK_PERMITTED | TCPOPT_SACK_PERMITTED_SIZE << 8
        jne     .other
        mov     [tcp_sack], cl
.other:
%if TCP_WIDE
        cmp     word [es:bx], TCPOPT_SCALE | TCPOPT_SCALE_SIZE << 8
        jne     .not_scale
        mov     dl, [es:bx + 2]
        and     dl, TCP_SCALE_MASK
        mov     dh, TCP_SCALE
        mov     [tcp_snd_scale], dx     ; and tcp_rcv_scale
.not_scale:
%endif
        cmp     word [es:bx], TCPOPT_MSS | TCPOPT_MSS_SIZE << 8
        jne     .next
        mov     ax, [es:bx + 2]
        xchg    al, ah
.next:
        add     bx, cx
        jmp     .option
.one:
        inc     bx
        jmp     .option
.out:
        ret

;---------------------------------------------------------------------------
; tcp_segment - a segment of the open connection
; in:       ES:SI = data, ECX = bytes of it, DL = flags, seg_...
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI (at the very end) and iscsi_rx
;---------------------------------------------------------------------------
tcp_segment:
        mov     eax, [seg_seq]
        sub     eax, [tcp_rcv_nxt]      ; EAX = where it lies, seen from what we expect
        cmp     eax, [tcp_rcv_wnd]
        jge     .outside
        mov     ebx, ecx
        test    dl, TCP_SYN | TCP_FIN   ; each counts as a byte; both at once is nonsense anyway
        jz      .length
        inc     ebx
.length:
        test    eax, eax
        jns     .inside
        add     ebx, eax                ; begins before: does it reach rcv_nxt?
        jg      .inside
.outside:
        test    dl, TCP_RST
        jnz     .drop
        mov     byte [tcp_ack_now], 1   ; tells the peer where we are; answers keepalive probes
.drop:
        ret
.inside:
        test    dl, TCP_RST
        jnz     .reset
        test    dl, TCP_SYN
        jnz     tcp_challenge           ; RFC 5961, 4: never a reset by SYN
        test    dl, TCP_ACK
        jz      .drop
        mov     eax, [seg_ack]
        mov     ebx, [tcp_snd_max]
        sub     ebx, eax
        js      tcp_challenge           ; acknowledges what was never sent
        sub     eax, [tcp_snd_una]
        jns     .ack
        neg     eax
        cmp     eax, [tcp_max_wnd]      ; RFC 5961, 5: older than anything that can be under way
        ja      tcp_challenge
        jmp     .data
.ack:
        call    tcp_ack
.data:
        mov     eax, [net_now]
        mov     [tcp_heard], eax
        mov     [tcp_quiet_at], ax
        mov     ax, [tcp_rto]
        cmp     word [tcp_rtt_min], TCP_FAR
        jae     .far
        shr     ax, NEAR_HASTE
.far:
        or      al, 1
        mov     [tcp_patience], ax
        call    tcp_data
        cmp     byte [tcp_state], TCP_ALL_CLOSED
        jne     .drop
        mov     bl, TCP_ACK             ; both FINs are acknowledged: say so, and that was it
        jmp     tcp_last
.reset:
        test    eax, eax                ; RFC 5961, 3: only the exact number
        jnz     tcp_challenge
        mov     ax, ERR_TCP_RESET
        jmp     tcp_fail

;---------------------------------------------------------------------------
; tcp_challenge - a suspicious segment: ask the peer by an ACK, not too often (RFC 5961, 7)
; in:       nothing
; out:      tcp_ack_now
; clobbers: EAX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_challenge:
        mov     eax, [net_now]
        sub     eax, [tcp_challenge_at]
        cmp     eax, CHALLENGE_MS
        jb      .count
        mov     eax, [net_now]
        mov     [tcp_challenge_at], eax
        mov     byte [tcp_challenges], 0
.count:
        cmp     byte [tcp_challenges], CHALLENGES
        jae     .out
        inc     byte [tcp_challenges]
        mov     byte [tcp_ack_now], 1
.out:
        ret

;---------------------------------------------------------------------------
; tcp_ack - the acknowledgement and the window of a segment
; in:       EAX = bytes that seg_ack lies above snd_una; ECX = bytes of data in the segment, DL = flags
; out:      nothing
; clobbers: EAX, EBX, EDX, EBP, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_ack:
        mov     ebp, eax
        test    eax, eax
        jz      .same
        call    tcp_ack_new
        jmp     .window
.same:
        cmp     byte [tcp_timer], TIMER_PERSIST
        jne     .duplicate
        mov     eax, [net_now]          ; the answer to a probe: it lives, so we go on probing
        mov     [tcp_progress], eax
        jmp     .window
.duplicate:
        jcxz    .empty                  ; a duplicate ACK carries nothing, changes nothing (RFC 5681, 2)
        jmp     .window
.empty:
        test    dl, TCP_FIN
        jnz     .window
        mov     eax, [seg_wnd]
        cmp     eax, [tcp_snd_wnd]
        jne     .window
        mov     eax, [tcp_snd_nxt]
        cmp     eax, [tcp_snd_una]
        je      .window
        call    tcp_ack_duplicate
.window:
        mov     eax, [seg_seq]          ; only from a newer segment (RFC 9293, 3.10.7.4)
        sub     eax, [tcp_wl1]
        js      .out
        jnz     .newer
        mov     eax, [seg_ack]
        sub     eax, [tcp_wl2]
        js      .out
.newer:
        mov     eax, [seg_seq]
        mov     [tcp_wl1], eax
        mov     eax, [seg_ack]
        mov     [tcp_wl2], eax
        mov     eax, [seg_wnd]
        mov     [tcp_snd_wnd], eax
        cmp     eax, [tcp_max_wnd]
        jbe     .out
        mov     [tcp_max_wnd], eax
.out:
        ret

;---------------------------------------------------------------------------
; tcp_ack_duplicate - a duplicate ACK: fast retransmit, fast recovery (RFC 5681, 3.2; RFC 6582)
; in:       nothing
; out:      tcp_resend, tcp_cwnd
; clobbers: EAX, EBX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_ack_duplicate:
        mov     ebx, [tcp_mss]
        cmp     byte [tcp_recovery], 0
        jne     .inflate
        inc     byte [tcp_dup_acks]
        cmp     byte [tcp_dup_acks], TCP_DUP_ACKS
        jne     .out
        mov     eax, [tcp_snd_una]      ; duplicates of what a time-out sent again mean nothing
        sub     eax, [tcp_recover]
        js      .out
        mov     eax, [tcp_snd_max]
        mov     [tcp_recover], eax
        mov     byte [tcp_recovery], 1
        mov     byte [tcp_resend], 1
        call    tcp_halve
        lea     ebx, [ebx + ebx * 2]    ; three segments have left the net
        add     eax, ebx
        mov     [tcp_cwnd], eax
.out:
        ret
.inflate:
        add     [tcp_cwnd], ebx         ; one more has left
        ret

global tcp_halve:function
;---------------------------------------------------------------------------
; tcp_halve - half of what is under way becomes the slow start threshold (RFC 5681, equation 4)
; in:       nothing
; out:      EAX = tcp_ssthresh
; clobbers: EAX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_halve:
        push    ebx
        mov     eax, [tcp_snd_max]
        sub     eax, [tcp_snd_una]
        shr     eax, 1
        mov     ebx, [tcp_mss]
        add     ebx, ebx
        cmp     eax, ebx
        jae     .set
        xchg    eax, ebx
.set:
        mov     [tcp_ssthresh], eax
        pop     ebx
        ret

;---------------------------------------------------------------------------
; tcp_ack_new - something was acknowledged for the first time
; in:       EBP = bytes; seg_ack
; out:      records freed, timer off (tcp_output starts it where something is under way)
; clobbers: EAX, EBX, EDX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_ack_new:
        mov     eax, [seg_ack]
        mov     [tcp_snd_una], eax
        mov     edx, eax
        sub     edx, [tcp_snd_nxt]      ; what was set back for repetition may have arrived after all
        js      .next_set
        mov     [tcp_snd_nxt], eax
.next_set:
        test    byte [tcp_state], TCP_OWN_FIN
        jz      .no_fin
        mov     edx, eax
        sub     edx, [tcp_snd_end]
        js      .no_fin
        jz      .no_fin
        or      byte [tcp_state], TCP_FIN_ACKED
.no_fin:
        cmp     byte [tcp_rtt_on], 0
        je      .timed
        sub     eax, [tcp_rtt_seq]
        js      .timed
        call    tcp_rtt_sample
.timed:                                 ; without a sample the doubled time-out stays (Karn)
        cmp     byte [tcp_timer], TIMER_PERSIST
        jne     .answered
        call    tcp_rto_set             ; but probes double it for another reason
.answered:
        xor     ax, ax
        mov     [tcp_timer], ax         ; TIMER_OFF, and tcp_retries
        mov     [tcp_dup_acks], al
        mov     eax, [net_now]
        mov     [tcp_progress], eax
        call    tcp_tx_free
        mov     eax, [tcp_cwnd]
        mov     ebx, [tcp_mss]
        cmp     byte [tcp_recovery], 0
        jne     .recovery
        mov     edx, ebp
        cmp     edx, ebx
        jbe     .increment
        mov     edx, ebx
.increment:
        cmp     eax, [tcp_ssthresh]
        jb      .grow                   ; slow start
        xchg    eax, ebx                ; congestion avoidance: a segment for each round
        mul     eax
        div     ebx
        xchg    eax, ebx
        mov     edx, ebx
        inc     edx
.grow:
        add     eax, edx
        cmp     eax, TCP_CWND_MAX
        jbe     .set
        mov     eax, TCP_CWND_MAX
.set:
        mov     [tcp_cwnd], eax
        ret
.recovery:
        mov     edx, [tcp_snd_una]
        sub     edx, [tcp_recover]
        jns     .recovered
        mov     byte [tcp_resend], 1    ; a partial one: here is the next hole
        sub     eax, ebp                ; deflate by what arrived
        jbe     .one
        cmp     ebp, ebx
        jb      .set
        add     eax, ebx
        jmp     .set
.one:
        xchg    eax, ebx
        jmp     .set
.recovered:
        mov     byte [tcp_recovery], 0
        mov     edx, [tcp_snd_max]
        sub     edx, [tcp_snd_una]
        cmp     edx, ebx
        jae     .flight
        mov     edx, ebx
.flight:
        add     edx, ebx
        mov     eax, [tcp_ssthresh]
        cmp     eax, edx
        jbe     .set
        xchg    eax, edx
        jmp     .set

;---------------------------------------------------------------------------
; tcp_data - the data and the FIN of a segment
; in:       ES:SI = data, ECX = bytes, DL = flags, seg_...; some of it lies in the window
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls iscsi_rx
;---------------------------------------------------------------------------
tcp_data:
        test    byte [tcp_state], TCP_PEER_FIN
        jnz     .out                    ; nothing can come behind a FIN
        jecxz   .fin
        mov     eax, [seg_seq]
        sub     eax, [tcp_rcv_nxt]      ; EAX = distance from rcv_nxt
        js      .before
        mov     ebx, [tcp_rcv_wnd]
        sub     ebx, eax
        cmp     ecx, ebx
        jbe     .fits
        mov     ecx, ebx                ; the rest lies beyond the window
.fits:
        test    eax, eax
        jnz     tcp_store
        jmp     .deliver
.before:
        neg     eax
        sub     ecx, eax                ; begins with bytes that we have
        jbe     .fin
        add     si, ax
.deliver:
        call    tcp_deliver
        jc      .out
        inc     byte [tcp_ack_count]
        call    tcp_slots
.fin:
        test    byte [seg_flags], TCP_FIN
        jz      .out
        mov     eax, [seg_end]
        cmp     eax, [tcp_rcv_nxt]      ; all before it must have come
        jne     .out
        test    byte [tcp_state], TCP_ESTABLISHED
        jz      .out                    ; dropped by the user meanwhile
        inc     dword [tcp_rcv_nxt]
        mov     byte [tcp_ack_now], 1
        or      byte [tcp_state], TCP_PEER_FIN
        test    byte [tcp_state], TCP_OWN_FIN
        jnz     .out
        mov     word [tcp_error], ERR_TCP_CLOSED
        push    dword [tcp_remote_ip]
        pop     dword [error_detail]
.out:
        ret

;---------------------------------------------------------------------------
; tcp_deliver - hand over bytes that are in order
; in:       ES:SI = bytes, ECX = count
; out:      CF = 0; CF = 1: the connection is gone
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls iscsi_rx, and the UNDI where that fails
;---------------------------------------------------------------------------
tcp_deliver:
        add     [tcp_rcv_nxt], ecx
        test    byte [tcp_state], TCP_OWN_FIN
        jnz     .out                    ; we have closed: nobody wants it; CF = 0
        call    iscsi_rx
        jc      .error
        cmp     byte [tcp_state], TCP_ESTABLISHED       ; CF = 1 where it was dropped
.out:
        ret
.error:
        call    tcp_abort_error
        stc
        ret

;---------------------------------------------------------------------------
; tcp_store - keep data that came too early
; in:       ES:SI = bytes, ECX = count, all in the window; seg_seq
; out:      tcp_slot; without a free slot it is lost, the peer sends it again
; clobbers: EAX, EBX, ECX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_store:
        mov     byte [tcp_ack_now], 1   ; each draws a duplicate ACK (RFC 5681, 4.2)
%if TCP_WIDE = 2
        mov     eax, [net_now]
        mov     [tcp_hole_at], eax
%endif
        cmp     cx, TCP_MSS_MAX
        jbe     .length
        mov     cx, TCP_MSS_MAX         ; more than a peer may send
.length:
        mov     eax, [seg_seq]
        mov     di, scratch
        xor     bx, bx
.slot:
        cmp     dword [di + OOO.len], 0
        je      .free
        cmp     eax, [di + OOO.seq]
        je      .known
.next:
        add     di, OOO_size
        cmp     di, [tcp_slots_end]
        jb      .slot
        test    bx, bx
        jz      .out
        mov     di, bx
.fill:
        mov     [tcp_slot], di
        mov     [di + OOO.seq], eax
        mov     [di + OOO.len], ecx
        add     di, OOO.data
        push    ds
        push    es
        pop     ds
        pop     es
        rep movsb
        push    ss
        pop     ds
.out:
        ret
.free:
        mov     bx, di
        jmp     .next
.known:
        cmp     ecx, [di + OOO.len]
        ja      .fill                   ; the same again, but longer
        ret

;---------------------------------------------------------------------------
; tcp_slots - deliver what was kept and is in order now
; in:       tcp_rcv_nxt
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls iscsi_rx, and the UNDI where that fails
;---------------------------------------------------------------------------
tcp_slots:
        mov     si, scratch
.slot:
        mov     ecx, [si + OOO.len]
        jecxz   .next
        mov     eax, [tcp_rcv_nxt]
        sub     eax, [si + OOO.seq]
        js      .next                   ; still too early
        and     dword [si + OOO.len], byte 0
        mov     byte [tcp_ack_now], 1   ; a gap is closed: say so at once (RFC 5681, 4.2)
        sub     ecx, eax
        jbe     .next                   ; all of it came by another way
        add     si, OOO.data
        add     si, ax
        push    ds
        pop     es
        call    tcp_deliver
        jnc     tcp_slots               ; from the beginning: others may follow now
        ret
.next:
        add     si, OOO_size
        cmp     si, [tcp_slots_end]
        jb      .slot
        ret
