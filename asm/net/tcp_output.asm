; TCP: segments out. Records are gathered across their borders into net_tx_frame.
%include "romgen.inc"
%include "net.inc"

global tcp_output:function
global tcp_acknowledge:function
global tcp_send:function
global tcp_send_flags:function
global tcp_send_syn:function
global tcp_sendable:function
global tcp_timer_start:function
global tcp_reject:function
global tcp_gather:function

extern net_now, time_now, net_payload, ip_header, ip_checksum, ip_transmit, eth_dest, eth_answer, arp_mac
extern copy_from_linear
extern tcp_state, tcp_ports, tcp_remote_ip, tcp_own_mss, tcp_mss
extern tcp_snd_una, tcp_snd_nxt, tcp_snd_max, tcp_snd_end, tcp_snd_wnd, tcp_max_wnd, tcp_cwnd
extern tcp_rcv_nxt, tcp_rcv_wnd, tcp_ring_wnd, tcp_rcv_edge, tcp_heard, tcp_rto, tcp_rtt_on, tcp_rtt_seq
extern tcp_rtt_start, tcp_rtt_turn, tcp_rtt_min
extern tcp_timer, tcp_timer_at, tcp_retries, tcp_progress, tcp_ack_now, tcp_ack_count, tcp_resend
extern tcp_abort_error, tcp_rto_set, tcp_next_record, tx_first, tx_count
extern seg_seq, seg_ack, seg_end, seg_flags
extern scratch, swap_eax, tcp_sack, tcp_slot, tcp_slots_count, tcp_slots_end, cmd_active
%if TCP_WIDE
extern tcp_rcv_scale
%endif

RTT_EVERY       equ 8           ; of so many round trips one is measured once a peer is known to be near: each look
                                ; at the clock leaves a virtual machine, and may wait there
TCP_BURST       equ 8           ; segments in one go: then look what the adapter has received
ACK_WIDE        equ 8           ; segments for an ACK while nobody waits for one: a sender begins with ten
                                ; (RFC 6928)
ACK_PAUSE       equ 2           ; ms without a segment, then an ACK is due in any case
TCP_OFFSET      equ (tcp_size / 4) << 4         ; data offset of a header without options
%if TCP_WIDE
TCP_OFFSET_SYN  equ (tcp_size / 4 + 3) << 4     ; ... with MSS, SACK permitted, window scale
TCP_OPTION_SCALE equ TCPOPT_NOP | TCPOPT_SCALE << 8 | 3 << 16 | TCP_SCALE << 24
%else
TCP_OFFSET_SYN  equ (tcp_size / 4 + 2) << 4     ; ... with MSS and SACK permitted
%endif
TCP_OPTION_MSS  equ HTONS((TCPOPT_MSS << 8) | 4)
TCP_OPTION_SACK_OK equ TCPOPT_NOP | TCPOPT_NOP << 8 | TCPOPT_SACK_PERMITTED << 16 | 2 << 24
TCP_OPTION_SACK equ TCPOPT_NOP | TCPOPT_NOP << 8 | TCPOPT_SACK << 16
SACK_HEAD       equ 4           ; bytes of that, with the option's length in the last
SACK_BLOCKS     equ 4           ; at most (RFC 2018, 3)
SACK_BLOCK      equ 8

CODE tcp_output
;---------------------------------------------------------------------------
; tcp_output - send what may be sent, and an ACK for whatever is not acknowledged
; in:       nothing
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI; the adapter drained, for each segment may bring an ACK
;---------------------------------------------------------------------------
tcp_output:
        test    byte [tcp_state], TCP_ESTABLISHED
        jz      .out
        cmp     byte [tcp_resend], 0
        je      .fresh
        mov     byte [tcp_resend], 0    ; fast retransmit: one segment at snd_una
        mov     ebx, [tcp_snd_una]
        mov     ecx, [tcp_snd_max]
        sub     ecx, ebx
        call    tcp_send_data
        jc      .out
.fresh:
        mov     cx, TCP_BURST
.segment:
        push    cx
        call    tcp_sendable
        jc      .enough
        mov     ebx, [tcp_snd_nxt]
        cmp     byte [tcp_rtt_on], 0
        jne     .send
        cmp     word [tcp_rtt_min], TCP_FAR
        jae     .measure
        add     byte [tcp_rtt_turn], 256 / RTT_EVERY
        jnc     .send
.measure:
        call    time_now                ; before it goes: a busy machine may stop us right behind that; and
        mov     [tcp_rtt_start], eax    ; net_now may be a tick old
        mov     eax, [tcp_snd_max]      ; behind a time-out a segment may begin with bytes that went before
        inc     eax
        mov     [tcp_rtt_seq], eax
        inc     byte [tcp_rtt_on]
.send:
        call    tcp_send_data
        jc      .lost
        add     [tcp_snd_nxt], ecx      ; data and FIN, as they went out
        mov     eax, [tcp_snd_nxt]
        mov     edx, eax
        sub     edx, [tcp_snd_max]
        js      .again
        jz      .again
        mov     [tcp_snd_max], eax
        jmp     .timed
.again:
        mov     byte [tcp_rtt_on], 0    ; Karn: what is sent twice can't be measured
.timed:
        pop     cx
        cmp     byte [tcp_timer], TIMER_PERSIST
        jne     .running
        mov     word [tcp_timer], TIMER_OFF     ; and tcp_retries: the window has opened
        call    tcp_rto_set
.running:
        loop    .segment
        push    cx
.enough:
        pop     cx
        mov     al, 1                   ; nothing more to wait for: acknowledge what came
        call    tcp_acknowledge
        cmp     byte [tcp_timer], TIMER_OFF
        jne     .out
        mov     eax, [tcp_snd_nxt]
        cmp     eax, [tcp_snd_una]
        mov     al, TIMER_RESEND
        jne     tcp_timer_start
        cmp     byte [tx_count], 0      ; nothing under way: is there something that could not go?
        mov     al, TIMER_PERSIST
        jne     tcp_timer_start
.out:
        ret
.lost:
        pop     cx
        ret

;---------------------------------------------------------------------------
; tcp_acknowledge - send an ACK where one is due
; in:       AL = so many received segments make it due
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
; Where the window covers what is waited for, nobody waits for it to move: then ACKs may be few, but the
; peer's congestion window may end between two of them, and then the next one comes after a pause. And
; where no command is under way, the next one soon takes the ACK of the last answer with it.
tcp_acknowledge:
        test    byte [tcp_state], TCP_ESTABLISHED
        jz      .out
        cmp     byte [tcp_ack_now], 0
        jne     .ack
        cmp     al, 1
        jne     .every
        mov     edx, [net_now]
        sub     edx, [tcp_heard]
        cmp     edx, ACK_PAUSE
        jae     .count
        cmp     byte [cmd_active], 0
        je      .few
.every:
%if TCP_WIDE
        mov     edx, [tcp_rcv_edge]
        sub     edx, [tcp_rcv_nxt]
        cmp     edx, [tcp_ring_wnd]
        jle     .count
.few:
        mov     al, ACK_WIDE
%else
        jmp     .count
.few:
        mov     al, ACK_WIDE
%endif
.count:
        cmp     [tcp_ack_count], al
        jb      .out
.ack:
        mov     bl, TCP_ACK
        jmp     tcp_send_flags
.out:
        ret

;---------------------------------------------------------------------------
; tcp_timer_start - start the timer with the present time-out
; in:       AL = TIMER_RESEND or TIMER_PERSIST
; out:      nothing
; clobbers: EAX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_timer_start:
        mov     [tcp_timer], al
        mov     eax, [net_now]
        cmp     byte [tcp_retries], 0
        jne     .set
        mov     [tcp_progress], eax     ; the count of time without progress begins here
.set:
        add     eax, [tcp_rto]
        mov     [tcp_timer_at], eax
        ret

;---------------------------------------------------------------------------
; tcp_sendable - how much may be sent at snd_nxt now
; in:       nothing
; out:      CF = 0, ECX = bytes including a FIN; CF = 1: nothing, ECX = what the window would allow
; clobbers: EAX, EDX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_sendable:
        mov     edx, [tcp_snd_end]
        sub     edx, [tcp_snd_nxt]      ; EDX = bytes waiting
        mov     ecx, [tcp_cwnd]
        cmp     ecx, [tcp_snd_wnd]
        jbe     .window
        mov     ecx, [tcp_snd_wnd]
.window:
        add     ecx, [tcp_snd_una]
        sub     ecx, [tcp_snd_nxt]      ; ECX = room left in the windows
        jns     .room
        xor     ecx, ecx
.room:
        cmp     ecx, [tcp_mss]
        jbe     .segment
        mov     ecx, [tcp_mss]
.segment:
        cmp     edx, 0
        jl      .none                   ; the FIN is out, too
        je      .end
        cmp     ecx, edx
        jae     .all
        jecxz   .none
        cmp     ecx, [tcp_mss]
        je      .out                    ; CF = 0: a full segment
        lea     eax, [ecx + ecx]        ; no silly windows (RFC 1122, 4.2.3.4)
        cmp     eax, [tcp_max_wnd]      ; CF = 1 where it is less than half the largest
        ret
.end:
        test    byte [tcp_state], TCP_OWN_FIN
        jz      .none
.all:                                   ; the FIN alone needs no window
        mov     ecx, edx
        test    byte [tcp_state], TCP_OWN_FIN
        jz      .out                    ; CF = 0
        inc     ecx                     ; the FIN rides on the last segment
        clc
.out:
        ret
.none:
        stc
        ret

;---------------------------------------------------------------------------
; tcp_send_data - send stream bytes, with PSH and FIN where they belong
; in:       EBX = sequence number, ECX = bytes including a FIN, more than a segment is cut down
; out:      CF = 0, ECX = what was sent, in sequence numbers; CF = 1: the connection is gone
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tcp_send_data:
        mov     edx, [tcp_snd_end]
        sub     edx, ebx                ; EDX = data up to the end of the stream
        cmp     ecx, [tcp_mss]
        jbe     .cut
        mov     ecx, [tcp_mss]
.cut:
        mov     eax, ebx
        mov     bl, TCP_ACK
        mov     esi, ecx                ; ESI = sequence numbers
        cmp     ecx, edx
        jb      .send
        mov     bl, TCP_ACK | TCP_PSH   ; nothing more is queued
        je      .send
        mov     ecx, edx                ; one more than the data: that is the FIN
        lea     esi, [edx + 1]
        mov     bl, TCP_ACK | TCP_FIN
.send:
        push    esi
        call    tcp_send
        pop     ecx
        ret

;---------------------------------------------------------------------------
; tcp_send_syn - send the SYN (again) and start the timer
; in:       tcp_snd_una = initial sequence number
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tcp_send_syn:
        mov     al, TIMER_RESEND
        call    tcp_timer_start
        mov     eax, [tcp_snd_una]
        mov     bl, TCP_SYN
        jmp     tcp_send_bare

;---------------------------------------------------------------------------
; tcp_send_flags - send a segment without data
; in:       BL = flags
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
; Its number is the highest that was sent: a lower one, after a time-out, would be taken for old. Not
; so with a zero window: the peer has refused the probe's byte, so that number would lie beyond it.
tcp_send_flags:
        mov     eax, [tcp_snd_max]
        cmp     byte [tcp_timer], TIMER_PERSIST
        jne     tcp_send_bare
        mov     eax, [tcp_snd_nxt]
tcp_send_bare:                          ; fallthrough: EAX = sequence number
        xor     cx, cx
; fallthrough: tcp_send

;---------------------------------------------------------------------------
; tcp_send - build a segment of the connection and send it
; in:       EAX = sequence number, CX = bytes of data out of the records, BL = flags
; out:      CF = 0; CF = 1: the data can't be read, the connection is gone
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tcp_send:
        mov     word [tcp_ack_now], 0   ; and tcp_ack_count: every segment carries an ACK
        mov     esi, [tcp_rcv_nxt]
        mov     ebp, [tcp_ports]
        mov     edx, [tcp_rcv_edge]
        sub     edx, esi
        cmp     edx, [tcp_ring_wnd]
        jge     .window
        mov     edx, [tcp_ring_wnd]
.window:
        mov     [tcp_rcv_wnd], edx
%if TCP_WIDE
        push    cx
        mov     cl, [tcp_rcv_scale]
        shr     edx, cl
        pop     cx
%endif
        call    tcp_header
        jcxz    .bare
        call    tcp_gather
        jc      .unreadable
.built:
        mov     eax, [arp_mac]
        mov     [eth_dest], eax
        mov     ax, [arp_mac + 4]
        mov     [eth_dest + 4], ax
        mov     edx, [tcp_remote_ip]
        call    tcp_transmit
        clc
        ret
.unreadable:
        call    tcp_abort_error
        stc
        ret
.bare:
        call    tcp_sack_option
        jmp     .built

;---------------------------------------------------------------------------
; tcp_sack_option - tell the peer what we keep out of order (RFC 2018)
; in:       ES:DI = behind the header of a segment without data
; out:      DI = behind the option, where there is something to tell
; clobbers: EAX, CX, EDX, SI, BP, flags
; needs:    DS = SS = ES = DGROUP
;---------------------------------------------------------------------------
; A block for each slot, the one that was filled last first: the peer learns the others from the ACKs
; before, and again from this one where those were lost. Without it a peer that has lost the last
; segments of a burst, or more than one of them, waits for its time-out.
tcp_sack_option:
        cmp     byte [tcp_sack], 0
        je      .out
        mov     bp, di
        mov     eax, TCP_OPTION_SACK
        stosd
        mov     cx, [tcp_slots_count]
        mov     si, [tcp_slot]
.slot:
        cmp     si, [tcp_slots_end]
        jb      .here
        mov     si, scratch
.here:
        mov     eax, [si + OOO.seq]
        mov     edx, [si + OOO.len]
        test    edx, edx
        jz      .next
        add     edx, eax
        call    swap_eax
        stosd
        xchg    eax, edx
        call    swap_eax
        stosd
.next:
        add     si, OOO_size
        lea     ax, [bp + SACK_HEAD + SACK_BLOCKS * SACK_BLOCK]
        cmp     ax, di
        loopne  .slot
        lea     ax, [di - SACK_HEAD]
        sub     ax, bp                  ; AX = bytes of blocks
        jz      .none
        add     al, SACK_HEAD
        shl     al, 2                   ; in the header's unit, where the header has it
        add     [bp - tcp_size + tcp.data_offset], al
        shr     al, 2
        sub     al, 2                   ; without the two NOPs
        mov     [bp + SACK_HEAD - 1], al
        ret
.none:
        mov     di, bp
.out:
        ret

;---------------------------------------------------------------------------
; tcp_header - write a TCP header into net_tx_frame
; in:       EAX = sequence number, ESI = acknowledgement, EBP = ports as they are sent,
;           BL = flags, DX = window
; out:      ES:DI = behind header and options; ES = DGROUP; EAX = sequence number
; clobbers: EDX, ESI, EBP, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_header:
        push    eax
        push    ds
        pop     es
        mov     di, [net_payload]
        add     di, ip_size
        xchg    eax, ebp
        stosd                           ; and on in the order of the structure
        xchg    eax, ebp
        call    swap_eax
        stosd
        xchg    eax, esi
        call    swap_eax
        stosd
        mov     al, TCP_OFFSET
        test    bl, TCP_SYN
        jz      .offset
        mov     al, TCP_OFFSET_SYN
.offset:
        mov     ah, bl
        stosw
        xchg    ax, dx
        xchg    al, ah
        stosw
        xor     eax, eax                ; checksum, urgent pointer
        stosd
        test    bl, TCP_SYN
        jz      .out
        mov     ax, TCP_OPTION_MSS
        stosw
        mov     ax, [tcp_own_mss]
        xchg    al, ah
        stosw
        mov     eax, TCP_OPTION_SACK_OK
        stosd
%if TCP_WIDE
        mov     eax, TCP_OPTION_SCALE
        stosd
%endif
.out:
        pop     eax
        ret

;---------------------------------------------------------------------------
; tcp_transmit - finish and send the segment in net_tx_frame
; in:       DI = its end, EDX = destination; eth_dest
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tcp_transmit:
        mov     cx, di
        sub     cx, [net_payload]
        sub     cx, ip_size
        mov     al, IP_PROTO_TCP
        call    ip_header
        mov     al, IP_PROTO_TCP
        call    ip_checksum
        mov     [si + tcp.checksum], ax
        jmp     ip_transmit

;---------------------------------------------------------------------------
; tcp_reject - a segment that belongs to no connection draws a RST (RFC 9293, 3.10.7.1)
; in:       ES:SI = segment, ES:BX = IP header, seg_...
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
; That ends what a target still keeps of a connection from before a reset of this machine.
tcp_reject:
        mov     ch, [seg_flags]
        test    ch, TCP_RST
        jnz     .out
        mov     edx, [es:bx + ip.source]
        cmp     dl, IP_MULTICAST
        jae     .out
        call    eth_answer
        push    edx
        mov     ebp, [es:si + tcp.src_port]
        rol     ebp, 16                 ; their source is our destination
        xor     esi, esi
        mov     eax, [seg_ack]
        mov     bl, TCP_RST
        test    ch, TCP_ACK
        jnz     .send
        xor     eax, eax
        mov     bl, TCP_RST | TCP_ACK
        mov     esi, [seg_end]
        test    ch, TCP_SYN | TCP_FIN
        jz      .send
        inc     esi
.send:
        xor     edx, edx
        call    tcp_header
        pop     edx
        jmp     tcp_transmit
.out:
        ret

;---------------------------------------------------------------------------
; tcp_gather - copy bytes of the stream out of the records
; in:       EAX = sequence number of the first, CX = count, ES:DI = where to
; out:      CF = 0, DI = behind them; CF = 1, AX = error number: a payload can't be read
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_gather:
        movzx   ecx, cx
        movzx   edx, byte [tx_count]
        mov     bx, [tx_first]
        sub     eax, [bx + TXREC.seq]   ; EAX = offset from the record's first byte
.record:
        dec     dx
        js      .out                    ; CF = 0; the caller asks for what is queued
        xor     ebp, ebp
        mov     bp, ds
        shl     ebp, 4                  ; linear address of DGROUP
        push    dx
        push    ebp
        movzx   esi, bx
        lea     esi, [ebp + esi + TXREC.header]
        movzx   ebp, word [bx + TXREC.header_len]
        call    tcp_gather_piece
        jc      .failed
        mov     esi, [bx + TXREC.payload_lin]
        mov     ebp, [bx + TXREC.payload_len]
        call    tcp_gather_piece
        jc      .failed
        pop     ebp
        push    ebp
        movzx   esi, bx
        lea     esi, [ebp + esi + TXREC.tail]
        movzx   ebp, word [bx + TXREC.tail_len]
        call    tcp_gather_piece
        jc      .failed
        pop     ebp
        pop     dx
        call    tcp_next_record
        test    ecx, ecx
        jnz     .record
.out:
        ret
.failed:
        pop     ebp
        pop     dx
        ret

;---------------------------------------------------------------------------
; tcp_gather_piece - copy what is wanted of one piece of a record
; in:       ESI = linear address of the piece, EBP = its length, EAX = offset from its beginning,
;           ECX = bytes wanted, ES:DI = where to
; out:      CF = 0: EAX, ECX, DI = the same for the next piece; CF = 1, AX = error number
; clobbers: EAX, ECX, ESI, EDI, EBP, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tcp_gather_piece:
        jecxz   .out
        sub     ebp, eax                ; EBP = bytes from there to the end of the piece
        jbe     .behind
        add     esi, eax
        cmp     ebp, ecx
        jbe     .whole
        mov     ebp, ecx
.whole:
        sub     ecx, ebp
        push    bx
        push    edx
        push    es
        push    di
        push    ecx
        push    ebp
        mov     ecx, ebp
        call    copy_from_linear
        pop     ebp
        pop     ecx
        pop     di
        pop     es
        pop     edx
        pop     bx
        jc      .out
        add     di, bp
        xor     eax, eax                ; CF = 0
        ret
.behind:
        neg     ebp                     ; the offset from the next piece
        xchg    eax, ebp
        clc
.out:
        ret
