; PCI configuration space by mechanism 1, a dword at a time (PCI Local Bus 2.2, 3.2.2.3.2).
; The client may be in the middle of an access of its own: CONFIG_ADDRESS comes back as it was.
%include "driver.inc"

global config_read:function
global config_write:function

CONFIG_DATA     equ 0xCFC
CONFIG_ENABLE   equ 31          ; bit

CODE undi_pci
;---------------------------------------------------------------------------
; config_read - dword of the adapter's configuration space
; in:       DI = register, a multiple of 4
; out:      EAX = value; all ones where there is no adapter
; clobbers: EAX, EDX, flags
; needs:    nic_bdf
;---------------------------------------------------------------------------
config_read:
        stc
        jmp     config_access

;---------------------------------------------------------------------------
; config_write - dword into the adapter's configuration space
; in:       DI = register, a multiple of 4; EAX = value
; out:      nothing
; clobbers: EDX, flags
; needs:    nic_bdf
;---------------------------------------------------------------------------
config_write:
        clc
config_access:                          ; fallthrough: CF = read
        push    ecx
        push    eax
        pushf
        mov     dx, PCI_CONFIG_ADDRESS
        in      eax, dx
        xchg    ecx, eax                ; ECX = as the client left it
        movzx   eax, word [nic_bdf]
        shl     eax, 8
        or      ax, di
        bts     eax, CONFIG_ENABLE
        out     dx, eax
        mov     dl, CONFIG_DATA & 0xFF
        popf
        pop     eax
        jc      .read
        out     dx, eax
        jmp     .restore
.read:
        in      eax, dx
.restore:
        mov     dl, PCI_CONFIG_ADDRESS & 0xFF
        xchg    eax, ecx
        out     dx, eax
        xchg    eax, ecx
        pop     ecx
        ret
