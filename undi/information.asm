; Opcodes that tell what the UNDI and its adapter are, and what they counted.
%include "driver.inc"

global api_get_information:function
global api_get_statistics:function
global api_clear_statistics:function
global api_get_nic_type:function
global api_get_iface_info:function
extern config_read

HW_ETHERNET     equ 1           ; ARP's hardware type
MTU             equ 1500
NIC_TYPE_PCI    equ 2
SVC_BROADCAST   equ 0x0001
SVC_MULTICAST   equ 0x0002
SVC_PROMISCUOUS equ 0x0008
SVC_SET_STATION equ 0x0010
SVC_RESET       equ 0x0400
SVC_OPEN_CLOSE  equ 0x0800
SVC_INTERRUPT   equ 0x1000

RODATA undi_information
iface_type:     db "DIX+802.3", 0, 0, 0
IFACE_TYPE_DWORDS equ ($ - iface_type) / 4

CODE undi_information
;---------------------------------------------------------------------------
; api_get_information - opcode UNDI_GET_INFORMATION
; in:       ES:DI = p_information
; out:      AX = status
; clobbers: EAX, BX, CX, SI, DI, flags
;---------------------------------------------------------------------------
api_get_information:
        inc     di
        inc     di
%if p_information.base_io != 2
  %error api_get_information writes in the order of the fields
%endif
        mov     ax, [nic_io]
        stosw
        movzx   ax, byte [nic_irq]
        stosw
        mov     ax, MTU
        stosw
        mov     ax, HW_ETHERNET
        stosw
        mov     ax, MAC_SIZE
        stosw
        mov     si, nic_mac
        call    .address
        mov     si, nic_permanent_mac
        call    .address
        mov     ax, [cs:UNDI_HOME + undi_home.rom]
        stosw
        mov     ax, [nic_rx_count]
        stosw
        mov     ax, TX_BUFFERS
        stosw
        xor     ax, ax
        ret
.address:
        movsd
        movsw
        mov     cx, (MCAST_ENTRY - MAC_SIZE) / 2
        xor     ax, ax
        rep stosw
        ret

;---------------------------------------------------------------------------
; api_get_statistics - opcode UNDI_GET_STATISTICS
; in:       ES:DI = p_statistics
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
;---------------------------------------------------------------------------
api_get_statistics:
        push    es
        push    di
        NIC_CALL statistics
        pop     di
        pop     es
        jc      .done
        inc     di
        inc     di
        mov     si, stat_tx_good        ; four dwords in the order of the fields
        mov     cx, (p_statistics_size - p_statistics.tx_good) / 4
        rep movsd
        xor     ax, ax
.done:
        ret

;---------------------------------------------------------------------------
; api_clear_statistics - opcode UNDI_CLEAR_STATISTICS
; in:       nothing
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
;---------------------------------------------------------------------------
api_clear_statistics:
        NIC_CALL statistics             ; the adapter's counters clear when they are read
        jc      .done
        push    ds
        pop     es
        mov     di, stat_tx_good
        mov     cx, (p_statistics_size - p_statistics.tx_good) / 2
        xor     ax, ax
        rep stosw
.done:
        ret

;---------------------------------------------------------------------------
; api_get_nic_type - opcode UNDI_GET_NIC_TYPE
; in:       ES:DI = p_nic_type
; out:      AX = status
; clobbers: EAX, EBX, EDX, DI, flags
;---------------------------------------------------------------------------
; Not written: the subsystem's ids, because old clients have a shorter block.
api_get_nic_type:
        mov     bx, di
        mov     di, PCI_ID
        call    config_read
        mov     byte [es:bx + p_nic_type.type], NIC_TYPE_PCI
        mov     [es:bx + p_nic_type.vendor], eax ; and the device
        mov     di, PCI_CLASS
        call    config_read
        mov     [es:bx + p_nic_type.revision], al
        BSWAP   eax                     ; base class, sub class, prog-if
        mov     [es:bx + p_nic_type.base_class], ax
        shr     eax, 16
        mov     [es:bx + p_nic_type.prog_if], al
        mov     ax, [nic_bdf]
        mov     [es:bx + p_nic_type.bus_dev_fn], ax
        xor     ax, ax
        ret

;---------------------------------------------------------------------------
; api_get_iface_info - opcode UNDI_GET_IFACE_INFO
; in:       ES:DI = p_iface_info
; out:      AX = status
; clobbers: EAX, BX, CX, SI, DI, flags
;---------------------------------------------------------------------------
api_get_iface_info:
        inc     di
        inc     di
        mov     si, iface_type
        mov     cx, IFACE_TYPE_DWORDS
        cs rep movsd
        xor     eax, eax
        stosd                           ; the field has 16 bytes
%if IFACE_TYPE_DWORDS * 4 + 4 != p_iface_info.link_speed - p_iface_info.type
  %error api_get_iface_info writes in the order of the fields
%endif
        mov     bx, [nic_driver]
        mov     eax, [cs:bx + driver.speed]
        stosd
        mov     eax, SVC_BROADCAST | SVC_MULTICAST | SVC_PROMISCUOUS | SVC_SET_STATION | SVC_RESET | SVC_OPEN_CLOSE
        cmp     byte [nic_irq], 0
        je      .flags
        or      ah, SVC_INTERRUPT >> 8
.flags:
        stosd
        xor     ax, ax
        mov     cx, 16 / 2              ; reserved
        rep stosw
        ret
