; PCI configuration space by mechanism 1 (PCI Local Bus 2.2, 3.2.2.3.2).
; By ports and not by INT 1Ah: some BIOSes want flat segments for it, and a port is there in
; virtual-8086 mode too.
%include "romgen.inc"
%include "lib.inc"

global pci_read8:function
global pci_read16:function
global pci_read32:function
global pci_write8:function
global pci_write16:function
global pci_write32:function
global pci_select:function

CODE pci
;---------------------------------------------------------------------------
; pci_select - choose a register of an adapter
; in:       BX = bus/dev/fn; DI = register
; out:      DX = port of its first byte
; clobbers: DX, flags
; needs:    nothing
;---------------------------------------------------------------------------
pci_select:
        push    eax
        movzx   eax, bx
        shl     eax, 8
        mov     dx, di
        mov     al, dl
        and     al, 0FCh
        bts     eax, PCI_ENABLE_BIT
        and     dl, 3
        push    dx
        mov     dx, PCI_ADDRESS
        out     dx, eax
        pop     dx
        mov     dh, PCI_DATA >> 8
        add     dl, PCI_DATA & 0FFh
        pop     eax
        ret

;---------------------------------------------------------------------------
; pci_read8 - byte from configuration space
; in:       BX = bus/dev/fn; DI = register
; out:      CL = value; all ones where there is no adapter
; clobbers: CL, flags
; needs:    nothing
;---------------------------------------------------------------------------
pci_read8:
        push    dx
        push    ax
        call    pci_select
        in      al, dx
        mov     cl, al
        pop     ax
        pop     dx
        ret

;---------------------------------------------------------------------------
; pci_read16 - word from configuration space
; in:       BX = bus/dev/fn; DI = register, even
; out:      CX = value; all ones where there is no adapter
; clobbers: CX, flags
; needs:    nothing
;---------------------------------------------------------------------------
pci_read16:
        push    dx
        push    ax
        call    pci_select
        in      ax, dx
        xchg    cx, ax
        pop     ax
        pop     dx
        ret

;---------------------------------------------------------------------------
; pci_read32 - dword from configuration space
; in:       BX = bus/dev/fn; DI = register, a multiple of 4
; out:      ECX = value; all ones where there is no adapter
; clobbers: ECX, flags
; needs:    nothing
;---------------------------------------------------------------------------
pci_read32:
        push    dx
        push    eax
        call    pci_select
        in      eax, dx
        xchg    ecx, eax
        pop     eax
        pop     dx
        ret

;---------------------------------------------------------------------------
; pci_write8 - byte to configuration space
; in:       BX = bus/dev/fn; DI = register; CL = value
; out:      nothing
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
pci_write8:
        push    dx
        push    ax
        call    pci_select
        mov     al, cl
        out     dx, al
        pop     ax
        pop     dx
        ret

;---------------------------------------------------------------------------
; pci_write16 - word to configuration space
; in:       BX = bus/dev/fn; DI = register, even; CX = value
; out:      nothing
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
pci_write16:
        push    dx
        push    ax
        call    pci_select
        mov     ax, cx
        out     dx, ax
        pop     ax
        pop     dx
        ret

;---------------------------------------------------------------------------
; pci_write32 - dword to configuration space
; in:       BX = bus/dev/fn; DI = register, a multiple of 4; ECX = value
; out:      nothing
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
pci_write32:
        push    dx
        push    eax
        call    pci_select
        mov     eax, ecx
        out     dx, eax
        pop     eax
        pop     dx
        ret
