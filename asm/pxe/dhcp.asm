; DHCP for a network boot (RFC 2131; PXE 2.1, chapter 2): an address, the boot server, the file's name.
;
; An offer with a file is taken at once. After one without, a server that gives no addresses but knows the
; file (proxyDHCP) has some time to offer itself; where its offer has no file either, it is asked on its port.
%include "romgen.inc"
%include "pxe.inc"

global dhcp_run:function
global dhcp_discover:function
global dhcp_request:function
global dhcp_bind:function
global dhcp_ask_server:function
global dhcp_boot_info:function
global dhcp_sink:function
global dhcp_dotted:function
global dhcp_offers:data
global pxe_lengths:data
global pxe_server:data
global pxe_file:data

extern dhcp_build, dhcp_class, dhcp_file, dhcp_option
extern dhcp_started, dhcp_xid
extern net_gateway, net_ip, net_mac, net_mask
extern random_dword, time_now
extern udp_dest, udp_ports, udp_send, udp_sink, udp_taken, udp_wait

; ms for the first offer; doubled with each try up to DHCP_PAUSE_LAST (RFC 2131, 4.1, in a hurry)
DHCP_PAUSE_FIRST equ 2000
DHCP_PAUSE_LAST  equ 16000
DHCP_PROXY_WAIT  equ 1500       ; ms for a proxy, behind an offer without a file
DHCP_REPLY_FIRST equ 1000       ; ms for the answer to a request; doubled up to
DHCP_REPLY_LAST  equ 4000
HAVE_OFFER      equ 1           ; dhcp_offers
HAVE_PROXY      equ 2
MAC_SIZE        equ 6
PORTS_DHCP      equ HTONS(DHCP_CLIENT_PORT) | HTONS(DHCP_SERVER_PORT) << 16
PORTS_PXE       equ HTONS(DHCP_CLIENT_PORT) | HTONS(PXE_SERVER_PORT) << 16

BSS pxe_dhcp
dhcp_deadline:  resd 1          ; when waiting for offers ends
dhcp_server:    resd 1          ; who made the offer
pxe_server:     resd 1          ; where the file is
pxe_lengths:    resw 3          ; of the packets PXE_DISCOVER, PXE_ACK, PXE_REPLY
dhcp_length:    resw 1          ; of PXE_INPUT
dhcp_pause:     resw 1          ; ms
dhcp_item:      resw 1          ; of the boot server's menu: the first one, network order
dhcp_type:      resb 1          ; message type of PXE_INPUT
dhcp_offers:    resb 1          ; HAVE_...
pxe_file:       resb PXE_FILE_MAX

INITCODE pxe_dhcp
;---------------------------------------------------------------------------
; dhcp_run - all of it
; in:       nothing
; out:      CF = 0: net_ip, net_mask, net_gateway, pxe_server, pxe_file, the packets with pxe_lengths;
;           CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
dhcp_run:
        xor     eax, eax
        mov     [net_ip], eax
        mov     [net_mask], eax
        mov     [net_gateway], eax
        call    random_dword
        mov     [dhcp_xid], eax
        call    time_now
        mov     [dhcp_started], eax
        mov     word [udp_sink], dhcp_sink
        mov     word [dhcp_pause], DHCP_PAUSE_FIRST
.try:
        call    dhcp_discover
        jc      .again
        call    dhcp_request
        jnc     .bound
.again:
        shl     word [dhcp_pause], 1
        cmp     word [dhcp_pause], DHCP_PAUSE_LAST
        jbe     .try
        stc
        jmp     .done
.bound:
        call    dhcp_bind
        call    dhcp_boot_info
.done:
        mov     word [udp_sink], 0
        ret

;---------------------------------------------------------------------------
; dhcp_discover - ask for offers, wait for the best one
; in:       dhcp_pause
; out:      CF = 0: PXE_OFFER, dhcp_server; perhaps PXE_REPLY of a proxy: dhcp_offers;
;           CF = 1, AX = ERR_DHCP_NO_OFFER
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
dhcp_discover:
        mov     byte [dhcp_offers], 0
        mov     di, PXE_DISCOVER
        mov     al, DHCPDISCOVER
        call    dhcp_build
        mov     byte [di], DHCP_END
        mov     [pxe_lengths], cx
        mov     si, PXE_DISCOVER
        call    dhcp_send_all
        call    time_now
        movzx   edx, word [dhcp_pause]
        add     eax, edx
        mov     [dhcp_deadline], eax
.wait:
        mov     edx, [dhcp_deadline]
        call    udp_wait
        jc      .over
        cmp     byte [dhcp_type], DHCPOFFER
        jne     .wait
        mov     bx, PXE_INPUT
        cmp     dword [bx + dhcp.yiaddr], 0
        je      .proxy
        mov     al, DHCP_SERVER_ID
        call    dhcp_option
        jc      .wait
        cmp     cx, 4
        jb      .wait
        push    dword [si]
        test    byte [dhcp_offers], HAVE_OFFER
        jz      .take
        mov     bx, PXE_OFFER           ; a second one is better only where the first has no file
        call    dhcp_file
        jnc     .leave
        mov     bx, PXE_INPUT
        call    dhcp_file
        jnc     .take
.leave:
        pop     eax
        jmp     .wait
.take:
        pop     dword [dhcp_server]
        mov     di, PXE_OFFER
        call    dhcp_keep
        or      byte [dhcp_offers], HAVE_OFFER
        jmp     .enough
.proxy:
        call    dhcp_keep_proxy
.enough:
        test    byte [dhcp_offers], HAVE_OFFER
        jz      .wait
        mov     bx, PXE_OFFER
        call    dhcp_file
        jnc     .done
        test    byte [dhcp_offers], HAVE_PROXY
        jnz     .done                   ; CF = 0
        call    time_now
        add     eax, DHCP_PROXY_WAIT
        mov     edx, eax
        sub     edx, [dhcp_deadline]
        jns     .wait
        mov     [dhcp_deadline], eax
        jmp     .wait
.over:
        test    byte [dhcp_offers], HAVE_OFFER
        jnz     .done
        FAIL    DHCP_NO_OFFER
.done:
        ret

;---------------------------------------------------------------------------
; dhcp_request - ask for the address that was offered
; in:       PXE_OFFER, dhcp_server
; out:      CF = 0: PXE_ACK; CF = 1, AX = ERR_DHCP_REFUSED or ERR_DHCP_NO_ACK
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
dhcp_request:
        mov     bp, DHCP_REPLY_FIRST
.ask:
        push    bp
        mov     di, PXE_INPUT
        mov     al, DHCPREQUEST
        call    dhcp_build
        mov     ax, DHCP_REQUESTED_IP | 4 << 8
        stosw
        mov     eax, [PXE_OFFER + dhcp.yiaddr]
        stosd
        mov     ax, DHCP_SERVER_ID | 4 << 8
        stosw
        mov     eax, [dhcp_server]
        stosd
        mov     byte [di], DHCP_END
        mov     si, PXE_INPUT
        call    dhcp_send_all
        call    time_now
        pop     bp
        movzx   edx, bp
        add     edx, eax
.wait:
        push    bp
        push    edx
        call    udp_wait
        pop     edx
        pop     bp
        jc      .again
        mov     bx, PXE_INPUT
        mov     al, [dhcp_type]
        cmp     al, DHCPNAK
        je      .refused
        cmp     al, DHCPACK
        je      .ack
        push    edx
        call    dhcp_keep_proxy         ; one that was late
        pop     edx
        jmp     .wait
.ack:
        mov     eax, [bx + dhcp.yiaddr]
        cmp     eax, [PXE_OFFER + dhcp.yiaddr]
        jne     .wait
        mov     di, PXE_ACK
        call    dhcp_keep
        mov     [pxe_lengths + 2], ax
        clc
        ret
.again:
        shl     bp, 1
        cmp     bp, DHCP_REPLY_LAST
        jbe     .ask
        FAIL    DHCP_NO_ACK
.refused:
        FAIL    DHCP_REFUSED

;---------------------------------------------------------------------------
; dhcp_bind - take the addresses of the acknowledgement
; in:       PXE_ACK
; out:      net_ip, net_mask, net_gateway
; clobbers: EAX, BX, ECX, DX, SI, DI, BP, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
dhcp_bind:
        mov     bx, PXE_ACK
        mov     eax, [bx + dhcp.yiaddr]
        mov     [net_ip], eax
        or      ecx, byte -1            ; without a mask that of the address's class
        shr     ecx, 8
        cmp     al, 192
        jae     .class
        shr     ecx, 8
        cmp     al, 128
        jae     .class
        shr     ecx, 8
.class:
        mov     [net_mask], ecx
        mov     al, DHCP_MASK
        mov     bp, net_mask
        call    .address
        mov     al, DHCP_ROUTER
        mov     bp, net_gateway
.address:
        call    dhcp_option
        jc      .done
        cmp     cx, 4
        jb      .done
        mov     eax, [si]
        mov     [bp], eax
.done:
        ret

;---------------------------------------------------------------------------
; dhcp_boot_info - who has which file
; in:       PXE_ACK; PXE_REPLY where dhcp_offers has a proxy
; out:      CF = 0: pxe_server, pxe_file, PXE_REPLY; CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
dhcp_boot_info:
        mov     bx, PXE_REPLY
        test    byte [dhcp_offers], HAVE_PROXY
        jz      .no_proxy
        call    dhcp_file
        jnc     .file
        call    dhcp_ask_server
        jnc     .source
        ret
.no_proxy:
        mov     ax, [pxe_lengths + 2]
        mov     [pxe_lengths + 4], ax
        mov     si, PXE_ACK             ; what GET_CACHED_INFO gives as the boot server's
        mov     di, bx
        call    dhcp_copy
.source:
        mov     bx, PXE_REPLY
        call    dhcp_file
        jc      .no_file
.file:
        cmp     cx, PXE_FILE_MAX
        jae     .too_long
        push    ds
        pop     es
        mov     di, pxe_file
        rep movsb
        mov     byte [di], 0
        call    dhcp_address
        mov     [pxe_server], eax
        test    eax, eax
        jz      .no_server
        ret
.no_file:
        FAIL    DHCP_NO_FILE
.too_long:
        FAIL    DHCP_FILE_NAME
.no_server:
        FAIL    DHCP_NO_SERVER

;---------------------------------------------------------------------------
; dhcp_ask_server - ask the proxy for the file (PXE 2.1, 2.2: boot server discovery)
; in:       PXE_REPLY, the proxy's offer
; out:      CF = 0: PXE_REPLY, its answer; CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
dhcp_ask_server:
        mov     bx, PXE_REPLY
        call    dhcp_address
        mov     [udp_dest], eax
        mov     word [dhcp_item], 0
        mov     al, DHCP_VENDOR
        call    dhcp_option
        jc      .no_menu
        mov     di, si
        add     di, cx                  ; the menu is a list within the option
        mov     al, PXE_MENU
        call    .find
        jc      .no_menu
        mov     [dhcp_item], ax
.no_menu:
        mov     bp, DHCP_REPLY_FIRST
.ask:
        push    bp
        mov     di, PXE_INPUT
        mov     al, DHCPREQUEST
        call    dhcp_build
        mov     eax, [net_ip]
        mov     [PXE_INPUT + dhcp.ciaddr], eax
        mov     eax, DHCP_VENDOR | 7 << 8 | PXE_ITEM << 16 | 4 << 24
        stosd
        mov     ax, [dhcp_item]
        stosw
        xor     ax, ax                  ; layer 0: the boot program
        stosw
        mov     ax, DHCP_END | DHCP_END << 8    ; of the vendor's options and of all
        stosw
        mov     dword [udp_ports], PORTS_PXE
        mov     si, PXE_INPUT
        call    dhcp_send
        pop     bp
        jc      .done                   ; AX = why
        call    time_now
        movzx   edx, bp
        add     edx, eax
.wait:
        push    bp
        push    edx
        call    udp_wait
        pop     edx
        pop     bp
        jc      .again
        cmp     byte [dhcp_type], DHCPACK
        jne     .wait
        push    edx
        mov     bx, PXE_INPUT
        call    dhcp_file
        pop     edx
        jc      .wait
        mov     di, PXE_REPLY
        call    dhcp_keep
        mov     [pxe_lengths + 4], ax
        clc
        ret
.again:
        shl     bp, 1
        cmp     bp, DHCP_REPLY_LAST
        jbe     .ask
        mov     ax, ERR_DHCP_BOOT_SERVER
        stc
.done:
        ret
.find:                                  ; AL in the list SI..DI -> AX = its first word
        lea     dx, [di - 4]
        cmp     si, dx
        ja      .absent
        cmp     [si], al
        je      .item
        movzx   cx, byte [si + 1]
        lea     si, [si + 2]
        add     si, cx
        jmp     .find
.item:
        mov     ax, [si + 2]
        ret                             ; CF = 0: equal
.absent:
        stc
        ret

;---------------------------------------------------------------------------
; dhcp_address - the server that a packet names
; in:       BX = packet
; out:      EAX = address, 0 = none
; clobbers: EAX, CX, DX, SI, DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
dhcp_address:
        mov     eax, [bx + dhcp.siaddr]
        test    eax, eax
        jnz     .done
        mov     al, DHCP_TFTP_SERVER
        call    dhcp_option
        jc      .identifier
        call    dhcp_dotted
        jnc     .done
.identifier:
        mov     al, DHCP_SERVER_ID
        call    dhcp_option
        mov     eax, 0
        jc      .done
        cmp     cx, 4
        jb      .done
        mov     eax, [si]
.done:
        ret

;---------------------------------------------------------------------------
; dhcp_dotted - an address in dotted decimal; there is no DNS for a name
; in:       SI = text, CX = length
; out:      CF = 0, EAX = address; CF = 1: it is none
; clobbers: EAX, CX, EDX, SI, DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
dhcp_dotted:
        xor     edx, edx
        mov     di, 4
.octet:
        xor     ax, ax                  ; AX = octet
        cmp     cx, 1
        jb      .bad                    ; it ends with a dot, or too soon
        push    cx
.digit:
        jcxz    .octet_end
        mov     dl, [si]
        sub     dl, '0'
        cmp     dl, 10
        jae     .octet_end
        inc     si
        dec     cx
        imul    ax, ax, 10
        mov     dh, 0
        add     ax, dx
        cmp     ax, 256
        jb      .digit
.octet_end:
        mov     dx, cx
        pop     cx
        cmp     cx, dx
        je      .bad                    ; no digit
        mov     cx, dx
        cmp     ax, 256
        jae     .bad
        push    ax
        dec     di
        jz      .last
        jcxz    .bad_pushed
        cmp     byte [si], '.'
        jne     .bad_pushed
        inc     si
        dec     cx
        jmp     .octet
.last:
        jcxz    .good
        cmp     byte [si], 0            ; some servers count a NUL in
        jne     .bad_pushed
.good:
        pop     ax
        mov     dh, al
        pop     ax
        mov     dl, al
        shl     edx, 16
        pop     ax
        mov     dh, al
        pop     ax
        mov     dl, al
        mov     eax, edx
        clc
        ret
.bad_pushed:
        pop     ax
        inc     di
.bad:
        neg     di                      ; 4 - DI octets are still on the stack
        add     di, 4
        add     di, di
        add     sp, di
        stc
        ret

;---------------------------------------------------------------------------
; dhcp_send_all - a packet of ours to everybody
; in:       SI = packet, CX = length
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
dhcp_send_all:
        mov     dword [udp_ports], PORTS_DHCP
        mov     dword [udp_dest], IP_BROADCAST
; fallthrough: dhcp_send

;---------------------------------------------------------------------------
; dhcp_send - a packet of ours
; in:       SI = packet, CX = length; udp_dest, udp_ports
; out:      CF = 0; CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
dhcp_send:
        push    ds
        pop     es
        jmp     udp_send

;---------------------------------------------------------------------------
; dhcp_keep_proxy - keep the packet received where it is the first offer of a proxy
; in:       PXE_INPUT
; out:      dhcp_offers, PXE_REPLY
; clobbers: EAX, BX, CX, DX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
dhcp_keep_proxy:
        mov     bx, PXE_INPUT
        cmp     dword [bx + dhcp.yiaddr], 0
        jne     .done
        test    byte [dhcp_offers], HAVE_PROXY
        jnz     .done
        call    dhcp_class
        jne     .done
        or      byte [dhcp_offers], HAVE_PROXY
        mov     di, PXE_REPLY
        call    dhcp_keep
        mov     [pxe_lengths + 4], ax
.done:
        ret

;---------------------------------------------------------------------------
; dhcp_keep - keep the packet received
; in:       PXE_INPUT, DI = where
; out:      AX = its length
; clobbers: AX, CX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
dhcp_keep:
        mov     si, PXE_INPUT
        mov     ax, [dhcp_length]
; fallthrough: dhcp_copy

;---------------------------------------------------------------------------
; dhcp_copy - one packet's room to another's
; in:       SI = from, DI = to
; out:      nothing
; clobbers: CX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
dhcp_copy:
        push    ds
        pop     es
        mov     cx, DHCP_ROOM / 2
        rep movsw
        ret

;---------------------------------------------------------------------------
; dhcp_sink - take a datagram that is a DHCP answer to us
; in:       ES:DI = UDP header, ES:SI = data, CX = bytes
; out:      udp_taken, PXE_INPUT, dhcp_length, dhcp_type
; clobbers: EAX, BX, CX, DX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
dhcp_sink:
        cmp     word [es:di + udp.dst_port], HTONS(DHCP_CLIENT_PORT)
        jne     .drop
        cmp     cx, dhcp_size
        jb      .drop
        cmp     cx, DHCP_ROOM
        ja      .drop
        cmp     byte [es:si + dhcp.op], DHCP_BOOTREPLY
        jne     .drop
        mov     eax, [dhcp_xid]
        cmp     [es:si + dhcp.xid], eax
        jne     .drop
        cmp     dword [es:si + dhcp.magic], DHCP_MAGIC
        jne     .drop
        mov     eax, [net_mac]
        cmp     [es:si + dhcp.chaddr], eax
        jne     .drop
        mov     ax, [net_mac + 4]
        cmp     [es:si + dhcp.chaddr + 4], ax
        jne     .drop
        mov     [dhcp_length], cx
        mov     di, PXE_INPUT
        push    es
        push    ds
        pop     es
        pop     ds
        rep movsb
        push    ss
        pop     ds
        mov     cx, PXE_INPUT + DHCP_ROOM
        sub     cx, di
        mov     al, 0
        rep stosb                       ; options end at zeros, as they would at an end mark
        mov     bx, PXE_INPUT
        mov     al, DHCP_TYPE
        call    dhcp_option
        jc      .drop
        jcxz    .drop
        mov     al, [si]
        mov     [dhcp_type], al
        mov     byte [udp_taken], 1
.drop:
        ret
