; TCP (RFC 9293), active opens only: variables, connect, close, the queue of what is to be sent.
; Input is in tcp_input.asm, output in tcp_output.asm, time in tcp_timer.asm.
%include "romgen.inc"
%include "net.inc"
%if WITH_ISCSI
%include "iscsi.inc"
%endif

global tcp_init:function
%if TCP_WIDE
global tcp_snd_scale:data, tcp_rcv_scale:data
%endif
%if TCP_WIDE = 2
global tcp_hole_at:data
%endif
global tcp_slots_all:function
global tcp_connect:function
global tcp_close:function
global tcp_abort:function
global tcp_last:function
global tcp_abort_error:function
global tcp_fail:function
global tcp_drop:function
global tcp_tx_alloc:function
global tcp_tx_commit:function
global tcp_tx_idle:function
global tcp_tx_free:function
global tcp_next_record:function
global tcp_probe:function

global scratch:data
%if WITH_ISCSI
global text_out:data, text_value:data
%endif
global tcp_state:data, tcp_error:data, tcp_icmp:data
global tcp_local_ip:data, tcp_ports:data, tcp_remote_ip:data, tcp_last_port:data
global tcp_snd_una:data, tcp_snd_nxt:data, tcp_snd_max:data, tcp_snd_end:data
global tcp_snd_wnd:data, tcp_max_wnd:data, tcp_wl1:data, tcp_wl2:data
global tcp_rcv_nxt:data, tcp_rcv_wnd:data, tcp_ring_wnd:data, tcp_rcv_edge:data, tcp_rtt_min:data
global tcp_mss:data, tcp_own_mss:data
global tcp_cwnd:data, tcp_ssthresh:data, tcp_recover:data
global tcp_rto:data, tcp_srtt:data, tcp_rttvar:data, tcp_rtt_seq:data, tcp_rtt_start:data
global tcp_timer_at:data, tcp_timer:data, tcp_retries:data, tcp_progress:data, tcp_heard:data, tcp_patience:data, tcp_quiet_at:data
global tcp_dup_acks:data, tcp_recovery:data, tcp_rtt_on:data, tcp_rtt_turn:data
global tcp_ack_now:data, tcp_ack_count:data, tcp_resend:data
global tcp_challenge_at:data, tcp_challenges:data, tcp_sack:data, tcp_slot:data
global tcp_slots_end:data, tcp_slots_count:data
global tx_first:data, tx_next:data, tx_count:data

%if UNDI_BLOB
extern undi_window
%endif
extern net_poll, net_now, net_conflict, net_ip, time_now, random_dword, error_detail
extern arp_resolve, tcp_send, tcp_send_syn, tcp_send_flags
extern ev_mtu

TCP_CLOSE_MS    equ 1000        ; ms for an orderly end
TCP_FIRST_PORT  equ 49152       ; dynamic ports (RFC 6335)
TCP_PORT_MASK   equ 3FFFh
TCP_RTO_FIRST   equ 1000        ; ms (RFC 6298, 2.1)

BSS tcp
; all of one connection, cleared by tcp_connect
tcp_begin:
; these four as they stand in what we send, one behind the other: icmp.asm compares them at once
tcp_local_ip:   resd 1
tcp_remote_ip:  resd 1
tcp_ports:      resd 1          ; low word ours, high word the peer's, network order
tcp_snd_una:    resd 1          ; oldest byte without acknowledgement
tcp_snd_nxt:    resd 1          ; next byte to send; set back to snd_una by a time-out
tcp_snd_max:    resd 1          ; behind the highest byte ever sent
tcp_snd_end:    resd 1          ; behind the last byte queued: here comes the FIN
tcp_snd_wnd:    resd 1          ; window of the peer
tcp_max_wnd:    resd 1          ; the largest it ever offered
tcp_wl1:        resd 1          ; sequence and acknowledgement number of the last window update
tcp_wl2:        resd 1
tcp_rcv_nxt:    resd 1          ; next byte expected
tcp_rcv_wnd:    resd 1          ; window we offer, as the last segment said
tcp_ring_wnd:   resd 1          ; the least: what the adapter's buffers hold, as all that comes is consumed at once
tcp_rcv_edge:   resd 1          ; up to here it was offered while somebody waits for data
tcp_mss:        resd 1          ; data bytes in a segment we send
tcp_own_mss:    resd 1          ; ... and in one that we take
tcp_cwnd:       resd 1          ; congestion window (RFC 5681)
tcp_ssthresh:   resd 1
tcp_recover:    resd 1          ; NewReno: snd_max when recovery began (RFC 6582)
tcp_rto:        resd 1          ; ms
tcp_srtt:       resd 1          ; 8 * smoothed round trip, ms; 0 = no sample yet
tcp_rttvar:     resd 1          ; 4 * its variation
tcp_rtt_min:    resd 1          ; the shortest round trip so far, ms: the lower word tells whether it is none
tcp_rtt_seq:    resd 1          ; the sample is taken when this is acknowledged
tcp_rtt_start:  resd 1
tcp_timer_at:   resd 1          ; when the timer expires
%if TCP_WIDE = 2
tcp_hole_at:    resd 1          ; when something last came too early
%endif
tcp_progress:   resd 1          ; when an acknowledgement last brought something new
tcp_heard:      resd 1          ; when the peer last sent an acceptable segment, or was asked by tcp_probe
tcp_challenge_at: resd 1        ; begin of the period in which challenge ACKs are counted
tcp_quiet_at:   resw 1          ; when its silence began, in the lower bits of net_now
tcp_patience:   resw 1          ; ms of silence after which a peer that owes data is reminded; set by its
                                ; segments, of which there were some before the first command. Odd: net_now
                                ; may have been old, the silence begins with the next look at the clock
tcp_error:      resw 1          ; why the connection is gone, an ERR_ number
tcp_icmp:       resw 1          ; soft ICMP error that came in, an ERR_ number
; two at a time are cleared as a word: timer and retries, dup_acks and recovery, ack_now and ack_count
tcp_timer:      resb 1          ; TIMER_...
tcp_retries:    resb 1          ; expiries in a row
tcp_dup_acks:   resb 1
tcp_recovery:   resb 1          ; 1 = in fast recovery
tcp_rtt_on:     resb 1          ; 1 = a sample is being taken; 2, 4 ...: over periods of the clock's
tcp_ack_now:    resb 1          ; 1 = an ACK is due at once
tcp_ack_count:  resb 1          ; segments received since the last ACK
tcp_resend:     resb 1          ; 1 = send the segment at snd_una again
tcp_rtt_turn:   resb 1          ; of RTT_EVERY
tcp_challenges: resb 1
tcp_sack:       resb 1          ; not 0: the peer understands selective acknowledgements
%if TCP_WIDE
tcp_snd_scale:  resb 1          ; the peer's windows come shifted by so much (RFC 7323, 2)
tcp_rcv_scale:  resb 1          ; and ours go; 0 where the peer does not do that
%endif
tx_count:       resb 1          ; records in use
tx_first:       resw 1          ; oldest record
tx_next:        resw 1          ; record to be filled next
tcp_slot:       resw 1          ; slot that was filled last
        alignb  4
tcp_slots_end:  resw 1          ; where they end: the login has its texts in all but the first
tcp_slots_count: resw 1
tcp_end:
tcp_state:      resb 1          ; TCP_CLOSED, ... (net.inc)
                alignb 2
tcp_last_port:  resw 1          ; of the last connection
                alignb 4
tx_records:     resb TX_RECORDS * TXREC_size
BSS scratch                     ; placed by itself: it is seldom written (layouts/templates/rom.ld.j2)
                alignb 16       ; a segment begins there
scratch:        resb OOO_size
%if WITH_ISCSI                          ; ... until the login is over (tcp_slots_few)
text_out:       resb TEXT_OUT_SIZE
text_value:     resb TEXT_VALUE_SIZE
%endif
                resb SCRATCH_SIZE - ($ - scratch)

CODE tcp
;---------------------------------------------------------------------------
; tcp_init - no connection
; in:       nothing
; out:      nothing
; clobbers: flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_init:
        mov     byte [tcp_state], TCP_CLOSED
        mov     byte [tx_count], 0
        mov     word [tx_next], tx_records
        mov     word [tcp_error], 0
        ret

;---------------------------------------------------------------------------
; tcp_connect - open a connection; one that is open is reset
; in:       EAX = address, network order; CX = port; EDX = deadline, as time_now
; out:      CF = 0, connected; CF = 1, AX = error number, error_detail = the address it is about
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI and iscsi_rx
;---------------------------------------------------------------------------
tcp_connect:
        push    edx
        push    cx
        push    eax
        mov     byte [net_conflict], 0
        call    tcp_abort
        push    ds
        pop     es
        mov     di, tcp_begin
        mov     cx, tcp_end - tcp_begin
        xor     eax, eax
        rep stosb
        call    tcp_slots_few           ; whatever used the memory before
        pop     eax
        mov     [tcp_remote_ip], eax
        pop     cx
        xchg    cl, ch
        mov     [tcp_ports + 2], cx
        push    dword [net_ip]
        pop     dword [tcp_local_ip]
        mov     word [tx_first], tx_records
        mov     word [tx_next], tx_records
        pop     edx
        push    edx
        call    arp_resolve
        jc      .out
        call    tcp_choose
        call    tcp_send_syn
        mov     byte [tcp_state], TCP_SYN_SENT
.wait:
        call    net_poll
        mov     al, [tcp_state]
        cmp     al, TCP_SYN_SENT
        ja      .out                    ; CF = 0
        jb      .failed
        pop     edx
        push    edx
        sub     edx, [net_now]
        jns     .wait
        mov     ax, [tcp_icmp]          ; what a router said is better than "no answer"
        test    ax, ax
        jnz     .silence
        mov     ax, ERR_TCP_CONNECT_TIMEOUT
.silence:
        call    tcp_fail
        cmp     byte [net_conflict], 0
        je      .failed
        push    dword [net_ip]
        pop     dword [error_detail]
        mov     word [tcp_error], ERR_ADDRESS_CONFLICT
.failed:
        mov     ax, [tcp_error]
        stc
.out:
        pop     edx
        ret

;---------------------------------------------------------------------------
; tcp_slots_few - one segment may be kept out of order: the login needs the room
; in:       nothing
; out:      tcp_slot
; clobbers: DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
tcp_slots_few:
        mov     dword [tcp_slots_end], scratch + OOO_size + (1 << 16)
        jmp     tcp_forget_slots

;---------------------------------------------------------------------------
; tcp_slots_all - the login is over
; in:       nothing
; out:      tcp_slot; CF = 0
; clobbers: DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
tcp_slots_all:
        mov     dword [tcp_slots_end], scratch + TCP_SLOTS * OOO_size + (TCP_SLOTS << 16)
                                        ; fallthrough:
;---------------------------------------------------------------------------
; tcp_forget_slots - nothing is kept out of order
; in:       nothing
; out:      tcp_slot
; clobbers: DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
tcp_forget_slots:
        mov     di, scratch
.slot:
        and     dword [di + OOO.len], 0
        add     di, OOO_size
        cmp     di, [tcp_slots_end]
        jb      .slot
        mov     [tcp_slot], di
        ret

;---------------------------------------------------------------------------
; tcp_choose - the numbers of a new connection
; in:       nothing
; out:      tcp_ports, sequence numbers, windows
; clobbers: EAX, EDX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_choose:
        call    random_dword
        and     ax, TCP_PORT_MASK
        add     ax, TCP_FIRST_PORT
        cmp     ax, [tcp_last_port]     ; the peer may still remember the last one (TIME-WAIT)
        jne     .port
        xor     al, 1
.port:
        mov     [tcp_last_port], ax
        xchg    al, ah
        mov     [tcp_ports], ax
        call    random_dword            ; RFC 6528: nobody should guess it
        mov     [tcp_snd_una], eax
        mov     [tcp_recover], eax
        inc     eax                     ; the SYN counts as one
        mov     [tcp_snd_nxt], eax
        mov     [tcp_snd_max], eax
        mov     [tcp_snd_end], eax
        movzx   eax, word [ev_mtu]
        cmp     ax, NET_MTU_MAX
        jbe     .mtu
        mov     ax, NET_MTU_MAX
.mtu:
        sub     ax, ip_size + tcp_size
        mov     [tcp_own_mss], eax
%if UNDI_BLOB
        imul    eax, [undi_window], TCP_MSS_DEFAULT
        mov     [tcp_ring_wnd], eax
%else
        mov     dword [tcp_ring_wnd], (TCP_WINDOW_FRAMES - RX_LESS) * TCP_MSS_DEFAULT ; until we know the peer's segments
%endif
        mov     dword [tcp_rto], TCP_RTO_FIRST
        or      dword [tcp_rtt_min], byte -1
        mov     byte [tcp_rtt_on], 1
        mov     eax, [tcp_snd_nxt]
        mov     [tcp_rtt_seq], eax
        mov     eax, [net_now]
        mov     [tcp_rtt_start], eax
        ret

;---------------------------------------------------------------------------
; tcp_close - end the connection in good order, or by RST where that takes too long
; in:       nothing
; out:      tcp_state = TCP_CLOSED
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tcp_close:
        test    byte [tcp_state], TCP_ESTABLISHED
        jz      tcp_abort
        or      byte [tcp_state], TCP_OWN_FIN   ; goes out behind what is queued
        call    time_now
        add     eax, TCP_CLOSE_MS
.wait:
        push    eax
        call    net_poll
        pop     eax
        cmp     byte [tcp_state], TCP_CLOSED
        je      .out
        mov     edx, eax
        sub     edx, [net_now]
        jns     .wait
        jmp     tcp_abort
.out:
        ret

;---------------------------------------------------------------------------
; tcp_abort_error - end the connection because of an error of the peer
; in:       AX = error number for tcp_error
; out:      tcp_state = TCP_CLOSED
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tcp_abort_error:
        mov     [tcp_error], ax
; fallthrough: tcp_abort

;---------------------------------------------------------------------------
; tcp_abort - end the connection at once: RST to the peer
; in:       nothing
; out:      tcp_state = TCP_CLOSED; tcp_error stays
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tcp_abort:
        test    byte [tcp_state], TCP_ESTABLISHED       ; else the peer knows nothing of us
        jz      tcp_last.gone
        mov     bl, TCP_RST | TCP_ACK   ; fallthrough:
;---------------------------------------------------------------------------
; tcp_last - send a last segment without data and forget the connection
; in:       BL = flags
; out:      as tcp_abort
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tcp_last:
        call    tcp_send_flags
.gone:
        mov     ax, [tcp_error]
        jmp     tcp_drop

;---------------------------------------------------------------------------
; tcp_fail - forget the connection; the error is about the peer's address
; in:       AX = error number
; out:      tcp_state = TCP_CLOSED, nothing queued; tcp_error, error_detail
; clobbers: EAX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
; While we close the connection ourselves it is no error, and nobody's error_detail is touched.
tcp_fail:
        test    byte [tcp_state], TCP_OWN_FIN
        jnz     tcp_last.gone
        push    dword [tcp_remote_ip]
        pop     dword [error_detail]
; fallthrough: tcp_drop

;---------------------------------------------------------------------------
; tcp_drop - forget the connection, without a word to the peer
; in:       AX = error number for tcp_error
; out:      tcp_state = TCP_CLOSED, nothing queued
; clobbers: flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_drop:
        mov     [tcp_error], ax
        mov     byte [tcp_state], TCP_CLOSED
        mov     byte [tcp_timer], TIMER_OFF
        mov     byte [tx_count], 0
        ret

;---------------------------------------------------------------------------
; tcp_probe - ask the peer for a sign of life (keepalive, RFC 1122, 4.2.3.6)
; in:       nothing
; out:      nothing; tcp_heard moves when the answer has come
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tcp_probe:
        test    byte [tcp_state], TCP_ESTABLISHED
        jz      .out
        mov     eax, [tcp_snd_una]
        dec     eax                     ; a number that is already acknowledged draws an ACK
        xor     cx, cx
        mov     bl, TCP_ACK
        call    tcp_send
.out:
        ret

;---------------------------------------------------------------------------
; tcp_tx_alloc - the record to be filled next
; in:       nothing
; out:      CF = 0, DI = record; CF = 1: none is free
; clobbers: flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_tx_alloc:
        mov     di, [tx_next]
        cmp     byte [tx_count], TX_RECORDS
        cmc
        ret

;---------------------------------------------------------------------------
; tcp_tx_commit - append the filled record to the stream
; in:       DI = record of tcp_tx_alloc
; out:      nothing; net_poll sends it
; clobbers: EAX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_tx_commit:
        cmp     byte [tcp_state], TCP_CLOSED
        je      .out                    ; too late: tcp_error says why
        push    ebx
        movzx   eax, word [di + TXREC.header_len]
        movzx   ebx, word [di + TXREC.tail_len]
        add     ebx, eax
        add     ebx, [di + TXREC.payload_len]
        mov     [di + TXREC.total], ebx
        mov     eax, [tcp_snd_end]
        mov     [di + TXREC.seq], eax
        add     [tcp_snd_end], ebx
        mov     bx, di
        call    tcp_next_record
        mov     [tx_next], bx
        inc     byte [tx_count]
        pop     ebx
.out:
        ret

;---------------------------------------------------------------------------
; tcp_tx_idle - has the peer acknowledged all that was queued?
; in:       nothing
; out:      ZF = 1: yes, or there is no connection any more
; clobbers: flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_tx_idle:
        cmp     byte [tx_count], 0
        ret

;---------------------------------------------------------------------------
; tcp_tx_free - give back the records that are acknowledged as a whole
; in:       tcp_snd_una
; out:      nothing
; clobbers: EAX, BX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_tx_free:
        mov     bx, [tx_first]
.record:
        cmp     byte [tx_count], 0
        je      .out
        mov     eax, [bx + TXREC.seq]
        add     eax, [bx + TXREC.total]
        sub     eax, [tcp_snd_una]
        jz      .done
        jns     .out
.done:
        call    tcp_next_record
        mov     [tx_first], bx
        dec     byte [tx_count]
        jmp     .record
.out:
        ret

;---------------------------------------------------------------------------
; tcp_next_record - the record behind another one
; in:       BX = record
; out:      BX = the next, the first one behind the last
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
tcp_next_record:
        add     bx, TXREC_size
        cmp     bx, tx_records + TX_RECORDS * TXREC_size
        jb      .out
        mov     bx, tx_records
.out:
        ret
