; Ethernet: the poll loop, frames in and out, VLAN tag.
%include "romgen.inc"
%include "net.inc"

global net_init:function
global net_poll:function
global net_poll_again:function
global eth_input:function
global eth_send:function
global eth_answer:function
global net_ip:data
global net_mask:data
global net_gateway:data
global net_conflict:data
global net_now:data
global net_payload:data
global eth_dest:data
global eth_frame:data

extern undi_receive, undi_transmit, net_mac, net_tx_frame
extern time_now
extern ev_initiator_ip, ev_initiator_netmask, ev_initiator_route, ev_vlan
extern arp_init, arp_input, ip_input, tcp_acknowledge, tcp_init, tcp_output, tcp_timers
extern tcp_patience, tcp_quiet_at
%if WITH_PXE
extern udp_taken
%endif

NET_DRAIN       equ 2 * RX_FRAMES       ; frames in one call of net_poll at most
; Segments that make an ACK due while more are waiting. RFC 1122, 4.2.3.2, recommends two; what the
; peer waits for is the window, and behind the last segment that is there comes an ACK in any case.
ACK_EVERY       equ 6
VLAN_VID        equ 0FFFh               ; VLAN number in the tag control word

BSS net
net_ip:         resd 1          ; own address, network order
net_mask:       resd 1
net_gateway:    resd 1          ; 0 = none
net_now:        resd 1          ; ms, as of the last net_poll
net_payload:    resw 1          ; offset of what follows the Ethernet header in net_tx_frame
eth_frame:      resw 1          ; offset of the received frame (its segment is in ES)
eth_dest:       resb 6          ; where the next frame goes
net_conflict:   resb 1          ; 1 = somebody else used our address

CODE net
;---------------------------------------------------------------------------
; net_init - set the addresses from the EVs, forget peers and connections
; in:       ev_initiator_ip, ev_initiator_netmask, ev_initiator_route, ev_vlan
; out:      nothing
; clobbers: EAX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
net_init:
        mov     eax, [ev_initiator_ip]
        mov     [net_ip], eax
        mov     eax, [ev_initiator_netmask]
        mov     [net_mask], eax
        mov     eax, [ev_initiator_route]
        mov     [net_gateway], eax
        mov     ax, net_tx_frame + eth_size
        cmp     word [ev_vlan], 0
        je      .untagged
        add     ax, vlan_tag_size
.untagged:
        mov     [net_payload], ax
        mov     byte [net_conflict], 0
%if WITH_ISCSI
        call    tcp_init
%endif
        jmp     arp_init

;---------------------------------------------------------------------------
; net_poll - take in what the adapter has, answer it, run timers, send what may be sent
; in:       nothing
; out:      net_now = time
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI and iscsi_rx
;---------------------------------------------------------------------------
net_poll:
        call    time_now
        mov     [net_now], eax
%if WITH_ISCSI
        test    byte [tcp_patience], 1
        jz      net_poll_again
        dec     byte [tcp_patience]
        mov     [tcp_quiet_at], ax
%endif
net_poll_again:                         ; fallthrough: without a look at the clock, which costs exits
                                        ; from a virtual machine
        mov     cx, NET_DRAIN           ; a flood of frames must not keep us from the timers
.frame:
        push    cx
        call    undi_receive
        jc      .drained
        call    eth_input
%if WITH_ISCSI
        mov     al, ACK_EVERY
        call    tcp_acknowledge         ; only now: the frame is gone with the next call of the UNDI
%endif
        pop     cx
%if WITH_PXE
        cmp     byte [udp_taken], 0     ; somebody waits for one datagram: the next ones can wait
        jne     .taken
%endif
        loop    .frame
        push    cx
.drained:
        pop     cx
.taken:
%if WITH_ISCSI
        call    tcp_timers
        jmp     tcp_output              ; data only here: each segment may bring an ACK into the ring
%else
        ret
%endif

;---------------------------------------------------------------------------
; eth_input - one received frame
; in:       ES:SI = frame, CX = length
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI and iscsi_rx
;---------------------------------------------------------------------------
eth_input:
        mov     [eth_frame], si
        sub     cx, eth_size
        jb      .drop
        mov     ax, [es:si + eth.type]
        add     si, eth_size
        cmp     ax, HTONS(ETHERTYPE_VLAN)
        je      .tagged
        cmp     word [ev_vlan], 0       ; in a VLAN, untagged frames belong to somebody else
        jne     .drop
.type:
        cmp     ax, HTONS(ETHERTYPE_IP)
        je      ip_input
        cmp     ax, HTONS(ETHERTYPE_ARP)
        je      arp_input
.drop:
        ret
.tagged:
        sub     cx, vlan_tag_size
        jb      .drop
        mov     ax, [es:si + vlan_tag.tci]
        xchg    al, ah
        and     ax, VLAN_VID            ; VID 0: only a priority (802.1Q, 9.6)
        jz      .ours
        cmp     ax, [ev_vlan]
        jne     .drop
.ours:
        mov     ax, [es:si + vlan_tag.type]
        add     si, vlan_tag_size
        jmp     .type

;---------------------------------------------------------------------------
; eth_send - send what stands at net_payload
; in:       AX = EtherType, network order; CX = bytes behind the Ethernet header; eth_dest
; out:      nothing: a frame that the adapter does not take is a frame lost
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
eth_send:
        push    ds
        pop     es
        mov     di, net_tx_frame
        mov     si, eth_dest            ; in the order of the header: destination, source, type
        movsd
        movsw
        mov     si, net_mac
        movsd
        movsw
        mov     dx, [ev_vlan]
        test    dx, dx
        jz      .type
        xchg    dl, dh
        xchg    ax, dx
        push    ax
        mov     ax, HTONS(ETHERTYPE_VLAN)
        stosw
        pop     ax
        stosw                           ; tag control: priority 0
        xchg    ax, dx
.type:
        stosw
        sub     di, net_tx_frame
        add     cx, di
        jmp     undi_transmit

;---------------------------------------------------------------------------
; eth_answer - the next frame goes to the sender of the received one
; in:       ES = segment of the received frame, eth_frame
; out:      eth_dest
; clobbers: EAX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
eth_answer:
        push    si
        mov     si, [eth_frame]
        mov     eax, [es:si + eth.source]
        mov     [eth_dest], eax
        mov     ax, [es:si + eth.source + 4]
        mov     [eth_dest + 4], ax
        pop     si
        ret
