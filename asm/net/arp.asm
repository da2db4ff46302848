; ARP (RFC 826): one entry, that of the next hop; requests for our address are answered at any time.
%include "romgen.inc"
%include "net.inc"

global arp_init:function
global arp_input:function
global arp_request:function
global arp_resolve:function
global arp_route:function
global arp_mac:data
global arp_ip:data
global arp_valid:data

extern net_poll, net_ip, net_mask, net_gateway, net_mac, net_now, net_payload, net_conflict
extern eth_send, eth_dest, time_now, error_detail

ARP_WAIT_FIRST  equ 125         ; ms until the second request; doubled each time up to
ARP_WAIT_MAX    equ 1000        ; (RFC 1122, 2.3.2.1: at most one a second in the long run)
HW_ETHERNET     equ 1
MAC_SIZE        equ 6
IP_SIZE         equ 4

BSS arp
arp_ip:         resd 1          ; next hop that the entry is for, 0 = none
arp_again:      resd 1          ; when to ask again
arp_wait:       resw 1          ; ms after the next request
arp_mac:        resb 6
arp_valid:      resb 1          ; 1 = arp_mac holds the next hop's MAC

RODATA arp
; the constant beginning of an ARP packet
arp_ethernet:   dw HTONS(HW_ETHERNET), HTONS(ETHERTYPE_IP)
                db MAC_SIZE, IP_SIZE

CODE arp
;---------------------------------------------------------------------------
; arp_init - forget the entry
; in:       nothing
; out:      nothing
; clobbers: EAX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
arp_init:
        xor     eax, eax
        mov     [arp_ip], eax
        mov     [arp_valid], al
        ret

;---------------------------------------------------------------------------
; arp_input - an ARP packet: learn from it, answer it
; in:       ES:SI = packet, CX = bytes
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
arp_input:
        cmp     cx, arp_size
        jb      .drop
        mov     di, si
        push    si
        mov     si, arp_ethernet
        mov     cx, arp.op - arp.hw_type
        cs repe cmpsb
        pop     si
        jne     .drop
        mov     edx, [es:si + arp.sender_ip]
        mov     eax, [es:si + arp.sender_mac]
        mov     bx, [es:si + arp.sender_mac + 4]
        test    al, 1                   ; no station sends from a group address
        jnz     .drop
        test    edx, edx                ; a probe (RFC 5227) names nobody
        jz      .request
        cmp     edx, [arp_ip]
        jne     .own
        mov     [arp_mac], eax          ; reply, request or announcement: a target that moved says so
        mov     [arp_mac + 4], bx
        mov     byte [arp_valid], 1
.own:
        cmp     edx, [net_ip]
        jne     .request
        cmp     eax, [net_mac]
        jne     .conflict
        cmp     bx, [net_mac + 4]       ; our own broadcast, sent back by a hub
        je      .drop
.conflict:
        mov     byte [net_conflict], 1
.request:
        cmp     word [es:si + arp.op], HTONS(ARP_REQUEST)
        jne     .drop
        mov     ecx, [net_ip]
        jecxz   .drop                   ; no address yet
        cmp     [es:si + arp.target_ip], ecx
        jne     .drop
        mov     [eth_dest], eax
        mov     [eth_dest + 4], bx
        mov     cx, HTONS(ARP_REPLY)
        mov     si, eth_dest            ; the target's MAC in a reply is the asker's
        jmp     arp_send
.drop:
        ret

;---------------------------------------------------------------------------
; arp_request - ask for the MAC of arp_ip, by broadcast
; in:       arp_ip
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
arp_request:
        or      eax, byte -1
        mov     [eth_dest], eax
        mov     [eth_dest + 4], ax
        mov     edx, [arp_ip]
        mov     cx, HTONS(ARP_REQUEST)
        xor     si, si                  ; the target's MAC is what we want to know
; fallthrough: arp_send

;---------------------------------------------------------------------------
; arp_send - send an ARP packet
; in:       CX = operation, network order; EDX = target's address; DS:SI = its MAC, SI = 0 for zeros;
;           eth_dest
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
arp_send:
        push    ds
        pop     es
        mov     di, [net_payload]
        push    si
        push    cx
        mov     si, arp_ethernet        ; then the fields in the order of the structure
        mov     cx, arp.op - arp.hw_type
        cs rep movsb
        pop     ax
        stosw
        mov     si, net_mac
        movsd
        movsw
        mov     eax, [net_ip]
        stosd
        pop     si
        xor     eax, eax
        mov     bx, ax
        test    si, si
        jz      .target
        mov     eax, [si]
        mov     bx, [si + 4]
.target:
        stosd
        xchg    ax, bx
        stosw
        xchg    eax, edx
        stosd
        mov     ax, HTONS(ETHERTYPE_ARP)
        mov     cx, arp_size
        jmp     eth_send

;---------------------------------------------------------------------------
; arp_route - next hop towards an address
; in:       EAX = IPv4 address, network order
; out:      CF = 0, EAX = next hop; CF = 1, AX = error number
; clobbers: EDX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
arp_route:
        call    .own_net
        jz      .found                  ; CF = 0 from AND
        mov     [error_detail], eax
        mov     eax, [net_gateway]
        test    eax, eax
        jz      .none
        call    .own_net
        jz      .found
        mov     [error_detail], eax
        FAIL    BAD_GATEWAY
.none:
        FAIL    NO_ROUTE
.own_net:
        mov     edx, eax
        xor     edx, [net_ip]
        and     edx, [net_mask]
.found:
        ret

;---------------------------------------------------------------------------
; arp_resolve - find the MAC of the next hop towards an address
; in:       EAX = IPv4 address, network order; EDX = deadline, as time_now
; out:      CF = 0, arp_mac = the MAC; CF = 1, AX = error number, error_detail = who did not answer
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
arp_resolve:
        push    edx
        push    eax
        call    arp_route
        jc      .out
        mov     [arp_ip], eax
        mov     byte [arp_valid], 0     ; always asked afresh: a stale entry would look like a dead target
        mov     word [arp_wait], ARP_WAIT_FIRST
.ask:
        call    arp_request
        call    time_now
        movzx   edx, word [arp_wait]
        add     eax, edx
        mov     [arp_again], eax
        shl     dx, 1
        cmp     dx, ARP_WAIT_MAX
        jbe     .wait_set
        mov     dx, ARP_WAIT_MAX
.wait_set:
        mov     [arp_wait], dx
.wait:
        call    net_poll
        cmp     byte [arp_valid], 0
        jne     .out                    ; CF = 0: nothing is below 0
        pop     eax
        pop     edx
        push    edx
        push    eax
        mov     ecx, [net_now]
        sub     edx, ecx
        js      .silence
        sub     ecx, [arp_again]
        js      .wait
        jmp     .ask
.silence:
        mov     ecx, [arp_ip]
        mov     [error_detail], ecx
        cmp     eax, ecx
        mov     ax, ERR_ARP_TARGET
        je      .failed
        mov     ax, ERR_ARP_GATEWAY
.failed:
        stc
.out:
        pop     edx                     ; the two of the entry, past AX
        pop     edx
        ret
