; UDP (RFC 768): one datagram at a time for whoever waits.
;
; Who waits sets udp_sink to a routine that is asked about each good datagram:
;   in:   ES:DI = UDP header, ES:SI = data, CX = its bytes, ES:BX = IP header; valid until it returns
;   out:  udp_taken = 1 where it took it: net_poll stops then, so that the adapter keeps the next ones
; It may change any register but DS, SS and SP, and must not send.
%include "romgen.inc"
%include "net.inc"
%include "pxe.inc"

global udp_input:function
global udp_send:function
global udp_wait:function
global udp_port:function
global udp_sink:data
global udp_taken:data
global udp_dest:data
global udp_ports:data

extern arp_ip, arp_mac, arp_resolve, arp_route, arp_valid
extern eth_dest
extern ip_checksum, ip_header, ip_transmit
extern net_ip, net_mask, net_now, net_poll
extern random_dword, time_now

UDP_ARP_WAIT    equ 3000        ; ms
UDP_FIRST_PORT  equ HTONS(0C000h)       ; dynamic ports (RFC 6335): the two highest bits of the number

BSS pxe_udp
udp_dest:       resd 1          ; where udp_send sends: address, and
udp_ports:      resw 2          ; both ports, ours first, network order
udp_sink:       resw 1          ; 0 = nobody waits
udp_taken:      resb 1

CODE pxe_udp
;---------------------------------------------------------------------------
; udp_input - a UDP datagram
; in:       ES:SI = datagram, CX = bytes; ES:BX = IP header
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
udp_input:
        cmp     word [udp_sink], 0
        je      .drop
        cmp     cx, udp_size
        jb      .drop
        mov     dx, [es:si + udp.length]
        xchg    dl, dh
        cmp     dx, udp_size
        jb      .drop
        cmp     dx, cx
        ja      .drop
        mov     cx, dx
        cmp     word [es:si + udp.checksum], 0  ; the sender made none
        je      .good
        mov     al, IP_PROTO_UDP
        call    ip_checksum
        jnz     .drop
.good:
        mov     di, si
        add     si, udp_size
        sub     cx, udp_size
        jmp     [udp_sink]
.drop:
        ret

;---------------------------------------------------------------------------
; udp_send - send a datagram
; in:       ES:SI = data, CX = bytes, at most UDP_DATA_MAX; udp_dest, udp_ports
; out:      CF = 0: sent, or lost on the way; CF = 1, AX = error number: no way there
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
udp_send:
        push    es
        push    si
        push    cx
        mov     edx, [udp_dest]
        or      eax, byte -1
        cmp     edx, eax
        je      .broadcast
        mov     ecx, edx
        or      ecx, [net_mask]
        cmp     ecx, eax                ; all ones for host: that net's broadcast address
        jne     .station
        xor     edx, [net_ip]
        test    [net_mask], edx
        jz      .broadcast              ; ... and it is our net
.station:
        mov     eax, [udp_dest]
        call    arp_route
        jc      .failed
        cmp     byte [arp_valid], 1
        jne     .ask
        cmp     eax, [arp_ip]
        je      .known
.ask:
        call    time_now
        lea     edx, [eax + UDP_ARP_WAIT]
        push    word [udp_sink]
        mov     word [udp_sink], 0      ; nobody looks at what would be taken now
        mov     eax, [udp_dest]
        call    arp_resolve
        pop     word [udp_sink]
        jc      .failed
.known:
        mov     eax, [arp_mac]
        mov     dx, [arp_mac + 4]
        jmp     .address
.broadcast:
        mov     dx, ax
.address:
        mov     [eth_dest], eax
        mov     [eth_dest + 4], dx
        pop     cx
        push    cx
        add     cx, udp_size
        mov     edx, [udp_dest]
        mov     al, IP_PROTO_UDP
        call    ip_header
        mov     eax, [udp_ports]
        mov     [si + udp.src_port], eax        ; both
        mov     ax, cx
        xchg    al, ah
        mov     [si + udp.length], ax
        mov     word [si + udp.checksum], 0
        lea     di, [si + udp_size]
        mov     dx, si
        pop     cx
        pop     si
        pop     ds
        push    cx
        rep movsb
        push    ss
        pop     ds
        pop     cx
        mov     si, dx
        add     cx, udp_size
        mov     al, IP_PROTO_UDP
        call    ip_checksum
        jnz     .sum
        dec     ax                      ; 0 would say that there is none
.sum:
        mov     [si + udp.checksum], ax
        call    ip_transmit
        clc
        ret
.failed:
        add     sp, 6                   ; CF is needed
        stc
        ret

;---------------------------------------------------------------------------
; udp_wait - poll until udp_sink has taken a datagram
; in:       EDX = deadline, as time_now; udp_sink
; out:      CF = 0: taken; CF = 1: the time is over
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
udp_wait:
        mov     byte [udp_taken], 0
.poll:
        push    edx
        call    net_poll
        pop     edx
        cmp     byte [udp_taken], 0
        jne     .done                   ; CF = 0
        mov     eax, [net_now]
        sub     eax, edx
        js      .poll
        stc
.done:
        mov     byte [udp_taken], 0     ; for others that poll
        ret

;---------------------------------------------------------------------------
; udp_port - a new port of our own
; in:       nothing
; out:      AX = port, network order
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
udp_port:
        call    random_dword
        or      ax, UDP_FIRST_PORT
        ret
