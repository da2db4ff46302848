; The opcodes that move the UNDI from state to state (PXE 2.1, 4.3).
%include "driver.inc"

global api_start:function
global api_initialize:function
global api_reset_adapter:function
global api_shutdown:function
global api_open:function
global api_close:function
global api_stop:function
global adapter_open:function
extern undi_state, irq_start, irq_forget, tx_pending, multicast_copy
extern config_read, config_write
extern int1a_hook, int1a_unhook
extern tbl_nic, tbl_nic_end

BSS undi_state
pci_command:    resw 1          ; as we found it, without bus mastering
undi_pnp:       resw 1          ; segment of the BIOS's $PnP structure, 0 = the client gave none

CODE undi_state
;---------------------------------------------------------------------------
; api_start - opcode START_UNDI: find the driver, let it find its adapter
; in:       ES:DI = p_start
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    as api_dispatch
;---------------------------------------------------------------------------
api_start:
        cmp     byte [undi_state], UNDI_UNLOADED
        jne     .ok                     ; a second client on a running stack
        mov     ax, [es:di + p_start.ax]
        mov     [nic_bdf], ax
        mov     ax, [es:di + p_start.es]
        mov     [undi_pnp], ax
        xor     eax, eax
        mov     ax, ds
        shl     eax, 4
        mov     [nic_linear], eax
        xor     di, di
%if PCI_ID != 0
  %error api_start takes register 0 for PCI_ID
%endif
        call    config_read
        mov     bx, tbl_nic
.driver:
        cmp     bx, tbl_nic_end
        jae     .unknown
        mov     si, [cs:bx + driver.ids]
.id:
        mov     ecx, [cs:si]
        add     si, 4
        jecxz   .next
        cmp     ecx, eax
        jne     .id
        mov     [nic_driver], bx
        mov     ax, [cs:bx + driver.rx_count]
%if RX_LESS
        sub     ax, [nic_rx_less]
%endif
        mov     [nic_rx_count], ax
        mov     di, PCI_INTERRUPT
        call    config_read
        cmp     al, 15                  ; the PIC has no more; 0 and FFh = none
        jbe     .irq
        mov     al, 0
.irq:
        mov     [nic_irq], al
        mov     di, PCI_COMMAND
        call    config_read
        and     al, ~PCI_CMD_MASTER & 0xFF
        mov     [pci_command], ax
        mov     al, 0
        call    pci_enable
        NIC_CALL probe
        jc      .failed
        mov     eax, [nic_permanent_mac]
        mov     [nic_mac], eax
        mov     ax, [nic_permanent_mac + 4]
        mov     [nic_mac + 4], ax
        mov     byte [undi_state], UNDI_STARTED
        cmp     word [undi_pnp], 0
        je      .ok
        call    int1a_hook
.ok:
        xor     ax, ax
        ret
.next:
        add     bx, driver_size
        jmp     .driver
.failed:
        call    pci_restore
        ret
.unknown:
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        ret

;---------------------------------------------------------------------------
; pci_enable - decode I/O and memory
; in:       AL = PCI_CMD_MASTER or 0: bus mastering
; out:      nothing
; clobbers: EAX, EDX, DI, flags
;---------------------------------------------------------------------------
pci_enable:
        cbw
        or      ax, [pci_command]
        or      al, PCI_CMD_IO | PCI_CMD_MEMORY
        jmp     pci_restore.write

;---------------------------------------------------------------------------
; pci_restore - the command register as it was at the start, without bus mastering
; in:       nothing
; out:      nothing
; clobbers: EDX, DI, flags
;---------------------------------------------------------------------------
pci_restore:
        push    eax
        mov     ax, [pci_command]
        call    .write
        pop     eax
        ret
.write:
        movzx   eax, ax                 ; the status half clears by writing ones
        mov     di, PCI_COMMAND
        jmp     config_write

;---------------------------------------------------------------------------
; api_initialize - opcode UNDI_INITIALIZE: is there a link?
; in:       ES:DI = p_initialize
; out:      AX = status; UNDI_MEDIATEST_FAILED: no link yet, to be tried again
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    as api_dispatch
;---------------------------------------------------------------------------
; The adapter was reset by START_UNDI or SHUTDOWN, so that repeating this does not disturb the link.
api_initialize:
        NIC_CALL link
        jc      .done
        mov     ax, UNDI_MEDIATEST_FAILED
        jz      .done
        mov     al, UNDI_INITIALIZED
        cmp     [undi_state], al
        jae     .ok
        mov     [undi_state], al
.ok:
        xor     ax, ax
.done:
        ret

;---------------------------------------------------------------------------
; api_reset_adapter - opcode UNDI_RESET_ADAPTER: start anew with another multicast list
; in:       ES:DI = p_reset
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    as api_dispatch
;---------------------------------------------------------------------------
api_reset_adapter:
        lea     si, [di + p_reset.mcast]
        call    multicast_copy
        jc      adapter_open.done
        push    word [undi_state]
        call    api_shutdown
        pop     cx
        cmp     cl, UNDI_STARTED
        jbe     adapter_open.done
        test    ax, ax
        jnz     adapter_open.done
        mov     byte [undi_state], UNDI_INITIALIZED
        cmp     cl, UNDI_OPENED
        jb      adapter_open.done
        ; fallthrough: open again

;---------------------------------------------------------------------------
; adapter_open - receive and transmit
; in:       nic_mac, nic_filter, nic_mcast
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    as api_dispatch; state UNDI_INITIALIZED
;---------------------------------------------------------------------------
adapter_open:
        mov     al, PCI_CMD_MASTER
        call    pci_enable
        mov     byte [tx_pending], 0
        NIC_CALL open
        jc      adapter_idle
        mov     byte [undi_state], UNDI_OPENED
        call    irq_start
        xor     ax, ax
.done:
        ret

;---------------------------------------------------------------------------
; adapter_idle - bus mastering off
; in:       AX = status
; out:      AX = the same
; clobbers: EDX, DI, flags
;---------------------------------------------------------------------------
adapter_idle:
        push    eax
        mov     al, 0
        call    pci_enable
        pop     eax
        ret

;---------------------------------------------------------------------------
; api_open - opcode UNDI_OPEN
; in:       ES:DI = p_open
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    as api_dispatch
;---------------------------------------------------------------------------
api_open:
        lea     si, [di + p_open.mcast]
        push    word [es:di + p_open.filter]
        call    multicast_copy
        pop     cx
        jc      adapter_open.done
        mov     [nic_filter], cx
        cmp     byte [undi_state], UNDI_OPENED
        jne     adapter_open
        NIC_CALL filter                 ; a client that takes over a stack in use
        jc      adapter_open.done
        xor     ax, ax
        ret

;---------------------------------------------------------------------------
; api_close - opcode UNDI_CLOSE
; in:       nothing
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    as api_dispatch
;---------------------------------------------------------------------------
api_close:
        cmp     byte [undi_state], UNDI_OPENED
        jne     .ok
        NIC_CALL close
        jc      .done
        call    irq_forget
        mov     byte [undi_state], UNDI_INITIALIZED
        call    adapter_idle
.ok:
        xor     ax, ax
.done:
        ret

;---------------------------------------------------------------------------
; api_shutdown - opcode UNDI_SHUTDOWN: the adapter as after power on
; in:       nothing
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    as api_dispatch
;---------------------------------------------------------------------------
api_shutdown:
        call    api_close
        test    ax, ax
        jnz     .done
        NIC_CALL reset
        jc      .done
        mov     byte [undi_state], UNDI_STARTED
        xor     ax, ax
.done:
        ret

;---------------------------------------------------------------------------
; api_stop - opcode STOP_UNDI: nothing of us is in use any more
; in:       nothing
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    as api_dispatch
;---------------------------------------------------------------------------
api_stop:
        xor     ax, ax
        cmp     byte [undi_state], UNDI_STARTED
        je      .stopped
        call    api_shutdown
        test    ax, ax
        jnz     .done
.stopped:
        call    int1a_unhook
        jc      .done
        call    pci_restore
        mov     byte [undi_state], UNDI_UNLOADED
.done:
        ret
