; The base code's UDP calls and the cached DHCP packets (PXE 2.1, 3.4 and 3.5).
%include "romgen.inc"
%include "pxe.inc"

global api_udp_open:function
global api_udp_close:function
global api_udp_write:function
global api_udp_read:function
global api_udp_sink:function
global api_cached_info:function
global api_gateway:function
global api_udp_is_open:data

extern net_gateway, net_ip, net_poll
extern pxe_lengths, pxe_open, pxe_params
extern udp_dest, udp_ports, udp_send, udp_sink, udp_taken

UDP_OWN_PORT    equ HTONS(2069)         ; for UDP_WRITE without a port of its own (PXE 2.1, 3.5.4)

BSS pxe_api_udp
api_udp_is_open: resb 1

CODE pxe_api_udp
;---------------------------------------------------------------------------
; api_udp_open - opcode UDP_OPEN; an open one is opened again, for some boot programs never close
; in:       GS:DI = p_udp_open
; out:      AX = PXE_OK
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
api_udp_open:
        mov     eax, [gs:di + p_udp_open.ip]
        test    eax, eax
        jz      .own
        mov     [net_ip], eax
.own:
        call    pxe_open
        mov     byte [api_udp_is_open], 1
        xor     ax, ax
        ret

;---------------------------------------------------------------------------
; api_udp_close - opcode UDP_CLOSE
; in:       nothing
; out:      AX = PXE_OK, or PXE_UDP_CLOSED: it was
; clobbers: AX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
api_udp_close:
        mov     al, 0
        xchg    al, [api_udp_is_open]
        cmp     al, 1
        sbb     ax, ax
        and     ax, PXE_UDP_CLOSED
        ret

;---------------------------------------------------------------------------
; api_udp_write - opcode UDP_WRITE
; in:       GS:DI = p_udp_write
; out:      AX = PXE_OK, or a status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
api_udp_write:
        cmp     byte [api_udp_is_open], 0
        mov     ax, PXE_UDP_CLOSED
        je      .done
        mov     cx, [gs:di + p_udp_write.size]
        mov     ax, PXE_OUT_OF_RESOURCES
        cmp     cx, UDP_DATA_MAX        ; we make no fragments
        ja      .done
        mov     eax, [gs:di + p_udp_write.ip]
        mov     [udp_dest], eax
        mov     eax, [gs:di + p_udp_write.gateway]
        call    api_gateway
        mov     eax, [gs:di + p_udp_write.src_port]     ; both
        test    ax, ax
        jnz     .ports
        mov     ax, UDP_OWN_PORT
.ports:
        mov     [udp_ports], eax
        les     si, [gs:di + p_udp_write.buffer_off]
        call    udp_send
        mov     ax, PXE_ARP_TIMEOUT
        jc      .done
        xor     ax, ax
.done:
        ret

;---------------------------------------------------------------------------
; api_gateway - the gateway that a call names
; in:       EAX = address, 0 = none: that of DHCP stays
; out:      nothing
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
api_gateway:
        test    eax, eax
        jz      .done
        mov     [net_gateway], eax
.done:
        ret

;---------------------------------------------------------------------------
; api_udp_read - opcode UDP_READ: one datagram, if there is one
; in:       GS:DI = p_udp_read
; out:      AX = PXE_OK, PXE_FAILURE: there is none, or PXE_UDP_CLOSED
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
api_udp_read:
        cmp     byte [api_udp_is_open], 0
        mov     ax, PXE_UDP_CLOSED
        je      .done
        mov     word [udp_sink], api_udp_sink
        call    net_poll
        xor     ax, ax
        mov     [udp_sink], ax
        xchg    al, [udp_taken]
        xor     al, 1                   ; PXE_FAILURE where none was
.done:
        ret

;---------------------------------------------------------------------------
; api_udp_sink - take a datagram that UDP_READ wants
; in:       ES:DI = UDP header, ES:SI = data, CX = bytes, ES:BX = IP header
; out:      udp_taken, the caller's block and buffer
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; pxe_params
;---------------------------------------------------------------------------
; What is longer than the caller's buffer is cut, as iPXE's base code does it.
api_udp_sink:
        push    gs
        lgs     bp, [pxe_params]        ; GS:BP = p_udp_read
        mov     ax, [gs:bp + p_udp_read.dst_port]
        test    ax, ax
        jz      .any_port
        cmp     [es:di + udp.dst_port], ax
        jne     .drop
.any_port:
        mov     eax, [gs:bp + p_udp_read.dest_ip]
        test    eax, eax
        jz      .any_ip
        cmp     [es:bx + ip.dest], eax
        jne     .drop
.any_ip:
        mov     eax, [es:bx + ip.dest]
        mov     [gs:bp + p_udp_read.dest_ip], eax
        mov     eax, [es:bx + ip.source]
        mov     [gs:bp + p_udp_read.src_ip], eax
        mov     eax, [es:di + udp.src_port]             ; both
        mov     [gs:bp + p_udp_read.src_port], eax
        cmp     cx, [gs:bp + p_udp_read.size]
        jbe     .fits
        mov     cx, [gs:bp + p_udp_read.size]
.fits:
        mov     [gs:bp + p_udp_read.size], cx
        push    es
        les     di, [gs:bp + p_udp_read.buffer_off]
        pop     ds
        rep movsb
        push    ss
        pop     ds
        mov     byte [udp_taken], 1
.drop:
        pop     gs
        ret

;---------------------------------------------------------------------------
; api_cached_info - opcode GET_CACHED_INFO: the packets of our DHCP
; in:       GS:DI = p_cached_info
; out:      AX = PXE_OK, or PXE_UNSUPPORTED: no such packet
; clobbers: EAX, CX, DX, SI, DI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
; Without a buffer the caller gets ours. BufferLimit is not in the blocks of old clients, so it is not
; written (iPXE's base code does not either).
api_cached_info:
        mov     si, [gs:di + p_cached_info.packet_type]
        dec     si
        mov     ax, PXE_UNSUPPORTED
        cmp     si, PXE_CACHED_REPLY
        jae     .done
        add     si, si
        mov     dx, [si + pxe_lengths]
        imul    si, si, DHCP_ROOM / 2
        add     si, PXE_DISCOVER
        mov     cx, [gs:di + p_cached_info.buffer_size]
        jcxz    .ours
        cmp     cx, dx
        jbe     .copy
        mov     cx, dx
.copy:
        mov     [gs:di + p_cached_info.buffer_size], cx
        les     di, [gs:di + p_cached_info.buffer_off]
        rep movsb
.ok:
        xor     ax, ax
.done:
        ret
.ours:
        mov     [gs:di + p_cached_info.buffer_off], si
        mov     [gs:di + p_cached_info.buffer_seg], ds
        mov     [gs:di + p_cached_info.buffer_size], dx
        jmp     .ok
