; IPv4 (RFC 791), without fragments and without options of our own.
%include "romgen.inc"
%include "net.inc"

global ip_input:function
global ip_header:function
global ip_transmit:function
global ip_checksum:function
global ip_id:data

extern net_ip, net_payload, eth_send, tcp_input, icmp_input
%if WITH_PXE
extern udp_input
%endif
extern checksum_add, checksum_fold, checksum_whole

IP_VERSION_IHL  equ 45h         ; version 4, header of 5 dwords
IP_VERSION      equ 40h
IP_IHL          equ 0Fh
IP_TTL          equ 64
IP_FRAGMENT     equ 3FFFh       ; more fragments, or an offset
IP_ADDRESSES    equ ip_size - ip.source

BSS ip
ip_id:          resw 1

CODE ip
;---------------------------------------------------------------------------
; ip_input - an IPv4 packet
; in:       ES:SI = packet, CX = bytes to the end of the frame
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI and iscsi_rx
;---------------------------------------------------------------------------
ip_input:
        cmp     cx, ip_size
        jb      .drop
        mov     al, [es:si + ip.version_ihl]
        mov     di, ax
        and     al, ~IP_IHL
        cmp     al, IP_VERSION
        jne     .drop
        and     di, IP_IHL
        shl     di, 2                   ; DI = bytes of the header
        cmp     di, ip_size
        jb      .drop
        mov     dx, [es:si + ip.total_length]
        xchg    dl, dh
        cmp     dx, cx                  ; the frame may be longer: padding
        ja      .drop
        sub     dx, di
        jb      .drop
        mov     cx, di
        call    checksum_whole
        jnz     .drop
        test    word [es:si + ip.fragment], HTONS(IP_FRAGMENT)
        jnz     .drop
        mov     eax, [net_ip]
        cmp     eax, [es:si + ip.dest]
%if WITH_PXE
        je      .ours
        cmp     byte [es:si + ip.protocol], IP_PROTO_UDP
        jne     .drop
        test    eax, eax                ; no address yet: DHCP's answer, by broadcast or not
        jz      .ours
        cmp     dword [es:si + ip.dest], IP_BROADCAST
        jne     .drop
.ours:
%else
        jne     .drop
%endif
        mov     bx, si
        add     si, di
        mov     cx, dx
        mov     al, [es:bx + ip.protocol]
%if WITH_ISCSI
        cmp     al, IP_PROTO_TCP
        je      tcp_input
%endif
%if WITH_PXE
        cmp     al, IP_PROTO_UDP
        je      udp_input
%endif
        cmp     al, IP_PROTO_ICMP
        je      icmp_input
.drop:
        ret

;---------------------------------------------------------------------------
; ip_checksum - checksum of a TCP segment with its pseudo header (RFC 9293, 3.1)
; in:       ES:BX = IP header (addresses), ES:SI = segment, CX = its length, AL = protocol
; out:      AX = checksum; ZF = 1: AX = 0, a received segment is good
; clobbers: EAX, flags
; needs:    nothing
;---------------------------------------------------------------------------
ip_checksum:
        push    cx
        push    si
        mov     ah, al                  ; protocol and length as words in network order
        mov     al, 0
        xchg    cl, ch
        add     ax, cx
        adc     ax, 0
        movzx   eax, ax
        lea     si, [bx + ip.source]
        mov     cx, IP_ADDRESSES
        call    checksum_add
        pop     si
        pop     cx
        call    checksum_add
        jmp     checksum_fold

;---------------------------------------------------------------------------
; ip_header - write the IP header at net_payload
; in:       AL = protocol, CX = bytes behind the header, EDX = destination
; out:      ES:BX = header, ES:SI = what is behind it; ES = DGROUP
; clobbers: EAX, BX, SI, DI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ip_header:
        push    ds
        pop     es
        mov     di, [net_payload]
        mov     bx, di
        push    ax
        mov     ax, IP_VERSION_IHL      ; the fields in the order of the structure
        stosw
        mov     ax, cx
        add     ax, ip_size
        xchg    al, ah
        stosw
        mov     ax, [ip_id]
        inc     word [ip_id]
        stosw
        mov     ax, HTONS(IP_DF)
        stosw
        pop     ax
        mov     ah, al
        mov     al, IP_TTL
        stosw
        xor     ax, ax
        stosw
        mov     eax, [net_ip]
        stosd
        mov     eax, edx
        stosd
        push    cx
        mov     si, bx
        mov     cx, ip_size
        call    checksum_whole
        mov     [bx + ip.checksum], ax
        pop     cx
        mov     si, di
        ret

;---------------------------------------------------------------------------
; ip_transmit - send the packet that ip_header has begun
; in:       CX = bytes behind the IP header; eth_dest
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
ip_transmit:
        add     cx, ip_size
        mov     ax, HTONS(ETHERTYPE_IP)
        jmp     eth_send
