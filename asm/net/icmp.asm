; ICMP (RFC 792): echo is answered; "unreachable" tells TCP why, and what the path can carry.
%include "romgen.inc"
%include "net.inc"

global icmp_input:function

extern swap_eax
extern ip_header, ip_transmit, eth_answer
extern checksum_whole
extern tcp_state, tcp_local_ip, tcp_snd_una, tcp_snd_max, tcp_snd_nxt, tcp_mss
extern tcp_icmp, tcp_fail

ICMP_PROTOCOL   equ 2           ; codes of "unreachable"
ICMP_PORT       equ 3
ICMP_TOO_BIG    equ 4
IP_NO_OPTIONS   equ 45h         ; version 4, header of 5 dwords
PATH_MTU_MIN    equ 576         ; we do not go below that; where a router does not say (RFC 1191, 5)
; what must be quoted of our segment: IP header without options, ports and sequence number
QUOTE           equ icmp_size + ip_size
QUOTE_SIZE      equ QUOTE + tcp.ack

CODE icmp
;---------------------------------------------------------------------------
; icmp_input - an ICMP message
; in:       ES:SI = message, CX = bytes; ES:BX = IP header
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
icmp_input:
        cmp     cx, icmp_size
        jb      .drop
        call    checksum_whole
        jnz     .drop
        mov     al, [es:si + icmp.type]
%if WITH_ISCSI
        cmp     al, ICMP_UNREACHABLE
        je      icmp_unreachable
%endif
        cmp     al, ICMP_ECHO_REQUEST
        jne     .drop
        cmp     cx, NET_MTU_MAX - ip_size
        ja      .drop
        mov     edx, [es:bx + ip.source]
        cmp     dl, IP_MULTICAST        ; nothing is answered to a group
        jae     .drop
        call    eth_answer
        push    es
        push    si
        mov     al, IP_PROTO_ICMP
        call    ip_header
        mov     di, si
        mov     bx, si
        pop     si
        push    ds
        pop     es
        pop     ds
        push    cx
        rep movsb
        pop     cx
        push    ss
        pop     ds
        mov     byte [bx + icmp.type], ICMP_ECHO_REPLY
        add     word [bx + icmp.checksum], HTONS(ICMP_ECHO_REQUEST << 8)
        adc     word [bx + icmp.checksum], 0    ; the sum without the 8 of the request (RFC 1624)
        jmp     ip_transmit
.drop:
        ret

%if WITH_ISCSI
;---------------------------------------------------------------------------
; icmp_unreachable - a packet of ours was not delivered
; in:       ES:SI = message, checksum verified; CX = bytes
; out:      nothing
; clobbers: EAX, CX, EDX, DI, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
; Anybody can send this, so it counts only for a segment that is really under way (RFC 5927, 4).
icmp_unreachable:
        cmp     cx, QUOTE_SIZE
        jb      .drop
        cmp     byte [es:si + icmp_size + ip.version_ihl], IP_NO_OPTIONS
        jne     .drop
        cmp     byte [es:si + icmp_size + ip.protocol], IP_PROTO_TCP
        jne     .drop
        push    si
        lea     di, [si + icmp_size + ip.source]
        mov     si, tcp_local_ip        ; both addresses and both ports
        mov     cx, (QUOTE + tcp.seq - icmp_size - ip.source) / 4
        repe cmpsd
        pop     si
        jne     .drop
        mov     eax, [es:di]            ; the sequence number follows them
        call    swap_eax
        cmp     eax, [tcp_snd_max]
        je      .drop
        sub     eax, [tcp_snd_una]
        mov     edx, [tcp_snd_max]
        sub     edx, [tcp_snd_una]
        cmp     eax, edx                ; between SND.UNA and what was sent, also across 2^32
        jb      .ours
.drop:
        ret
.ours:
        mov     al, [es:si + icmp.code]
        cmp     al, ICMP_TOO_BIG
        je      .too_big
        mov     word [tcp_icmp], ERR_ICMP_UNREACHABLE   ; soft: the reason, should it time out
        cmp     byte [tcp_state], TCP_SYN_SENT
        jne     .done
        sub     al, ICMP_PROTOCOL
        cmp     al, ICMP_PORT - ICMP_PROTOCOL
        ja      .done
        mov     ax, ERR_ICMP_PORT       ; hard while connecting (RFC 1122, 4.2.3.9)
        jmp     tcp_fail
.too_big:
        mov     ax, [es:si + icmp.sequence]     ; next-hop MTU (RFC 1191, 4)
        xchg    al, ah
        cmp     ax, PATH_MTU_MIN        ; 0, from an old router, too: a forged one can't make us crawl
        jae     .mss
        mov     ax, PATH_MTU_MIN
.mss:
        sub     ax, ip_size + tcp_size
        movzx   eax, ax
        cmp     eax, [tcp_mss]          ; 0 until the connection is open
        jae     .done
        mov     [tcp_mss], eax
        mov     eax, [tcp_snd_una]      ; all that is under way was too big: send it anew
        mov     [tcp_snd_nxt], eax
.done:
        ret
%endif
