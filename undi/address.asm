; Opcodes about addresses and what is received: station address, filter, multicast.
%include "driver.inc"

global api_set_mcast:function
global api_set_station:function
global api_set_filter:function
global api_get_mcast:function
global multicast_copy:function
global station_keep:function
extern undi_state

CODE undi_address
;---------------------------------------------------------------------------
; multicast_copy - take over a client's multicast list
; in:       ES:SI = mcast_list
; out:      CF = 0; CF = 1, AX = UNDI_INVALID_PARAMETER: more than fit
; clobbers: EAX, CX, SI, DI, flags
;---------------------------------------------------------------------------
multicast_copy:
        mov     cx, [es:si + mcast_list.count]
        cmp     cx, MCAST_MAX
        ja      .long
        mov     [nic_mcast_count], cx
        mov     di, nic_mcast
        add     si, mcast_list.addr
        inc     cx
.next:
        dec     cx
        jz      .done
        mov     eax, [es:si]
        mov     [di], eax
        mov     ax, [es:si + 4]
        mov     [di + 4], ax
        add     si, MCAST_ENTRY
        add     di, MAC_SIZE
        jmp     .next
.done:
        clc
        ret
.long:
        mov     ax, UNDI_INVALID_PARAMETER
        stc
        ret

;---------------------------------------------------------------------------
; api_set_mcast - opcode UNDI_SET_MCAST_ADDRESS
; in:       ES:DI = p_set_mcast
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
;---------------------------------------------------------------------------
api_set_mcast:
        lea     si, [di + p_set_mcast.mcast]
        call    multicast_copy
        jnc     filter_changed
        ret

;---------------------------------------------------------------------------
; api_set_filter - opcode UNDI_SET_PACKET_FILTER
; in:       ES:DI = p_set_filter
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
;---------------------------------------------------------------------------
api_set_filter:
        movzx   ax, byte [es:di + p_set_filter.filter]
        mov     [nic_filter], ax
        ; fallthrough: tell the adapter

;---------------------------------------------------------------------------
; filter_changed - nic_filter or nic_mcast is new
; in:       nothing
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
;---------------------------------------------------------------------------
filter_changed:
        cmp     byte [undi_state], UNDI_OPENED
        jne     .ok                     ; taken when it is opened
        NIC_CALL filter
        jc      .done
.ok:
        xor     ax, ax
.done:
        ret

;---------------------------------------------------------------------------
; api_set_station - opcode UNDI_SET_STATION_ADDRESS, in use from the next UNDI_OPEN on
; in:       ES:DI = p_set_station
; out:      AX = status: UNDI_INVALID_STATE while open, UNDI_BAD_MAC
; clobbers: EAX, CX, flags
;---------------------------------------------------------------------------
api_set_station:
        mov     ax, UNDI_INVALID_STATE
        cmp     byte [undi_state], UNDI_OPENED
        jae     .done
        mov     eax, [es:di + p_set_station.address]
        mov     cx, [es:di + p_set_station.address + 4]
        test    al, 1                   ; a group address
        jnz     .bad
        mov     [nic_mac], eax
        mov     [nic_mac + 4], cx
        xor     ax, ax
.done:
        ret
.bad:
        mov     ax, UNDI_BAD_MAC
        ret

;---------------------------------------------------------------------------
; api_get_mcast - opcode UNDI_GET_MCAST_ADDRESS: the MAC of an IPv4 group (RFC 1112, 6.4)
; in:       ES:DI = p_mcast_address
; out:      AX = status
; clobbers: EAX, flags
;---------------------------------------------------------------------------
api_get_mcast:
        mov     eax, [es:di + p_mcast_address.ip]
        and     ah, 0x7F                ; the low 23 bits
        mov     al, 0x5E
        mov     word [es:di + p_mcast_address.mac], 0x0001
        mov     [es:di + p_mcast_address.mac + 2], eax
        xor     ax, ax
        ret

CODE undi_station
;---------------------------------------------------------------------------
; station_keep - keep the address burnt in, if it can be one; for driver.probe
; in:       EAX, DX = MAC
; out:      CF = 0, nic_permanent_mac; CF = 1: all zeros, or a group address
; clobbers: flags
;---------------------------------------------------------------------------
station_keep:
        test    al, 1
        stc
        jnz     .done
        test    eax, eax
        stc
        jz      .done
        mov     [nic_permanent_mac], eax
        mov     [nic_permanent_mac + 4], dx
        clc
.done:
        ret
