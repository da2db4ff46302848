; Initialisation: what the BIOS calls first. Finds the adapter and keeps its place in the ROM.
%include "romgen.inc"
%include "rom.inc"

global rom_init:function
global adapter_check:function
global adapter_find:function
global rom_store:function
global rom_store_dword:function
%if WITH_ISCSI
global rom_name_return:data

extern pmm_find
extern rom_run
%endif

extern pci_read32
extern rom_bdf
extern rom_checksum
extern rom_share

PCI_BIOS_FIND   equ 0B102h      ; INT 1Ah: find a device by its ids

RODATA init
adapter_ids:    dd PCI_IDS, 0           ; device << 16 | vendor: one ROM may serve several adapters

CODE init
;---------------------------------------------------------------------------
; rom_init [far] - entry at ROM:3, called by the BIOS during POST
; in:       AX = bus/dev/fn of the adapter, or anything where the BIOS does not say
; out:      AX = PNP_RETURN_DISK (a BEV layout: PNP_RETURN_BEV), or PNP_RETURN_NONE where there is no adapter of ours
; clobbers: flags
; needs:    a BIOS
;---------------------------------------------------------------------------
; SeaBIOS gives 0 for -option-rom, Bochs F000h: so AX counts only where the ids at that place are
; ours. Nothing is hooked here: a BIOS may forbid it (PnP BIOS 1.0A, 3.3).
rom_init:
        push    ebx
        push    ecx
        push    edx
        push    esi
        push    edi
        push    ds
        push    es
        cld
        mov     bx, ax
        call    adapter_check
        je      .found
        call    adapter_find
        mov     ax, PNP_RETURN_NONE
        jc      .done
.found:
        push    cs
        pop     es
        mov     di, rom_bdf
        mov     al, bl
        call    rom_store
        inc     di
        mov     al, bh
        call    rom_store
        cmp     [es:rom_bdf], bx
        jne     .kept                   ; the ROM cannot be written
%if WITH_ISCSI
        call    rom_name
%endif
        call    rom_share
.kept:
        mov     ax, BOOT_BCV * PNP_RETURN_DISK + BOOT_BEV * PNP_RETURN_BEV
.done:
        pop     es
        pop     ds
        pop     edi
        pop     esi
        pop     edx
        pop     ecx
        pop     ebx
        retf

%if WITH_ISCSI
;---------------------------------------------------------------------------
; rom_name - the name in the boot menu (name_main), where there is memory to make it in
; in:       nothing
; out:      nothing
; clobbers: AX, CX, ES, flags
; needs:    as rom_run; the ROM writable
;---------------------------------------------------------------------------
rom_name:
        call    pmm_find
        jc      rom_name_return
        push    cs
        push    cs
        call    rom_run                 ; which knows us by the address it returns to
rom_name_return:                        ; data: there
        ret

%endif
;---------------------------------------------------------------------------
; adapter_check - is one of our adapters at this place?
; in:       BX = bus/dev/fn
; out:      ZF = 1: yes; ZF = 0: no
; clobbers: EAX, ECX, DX, SI, DI, flags
; needs:    nothing
;---------------------------------------------------------------------------
adapter_check:
        xor     di, di                  ; vendor in the low word, device in the high one
        call    pci_read32
        mov     si, adapter_ids - 4
.next:
        add     si, 4
        cmp     [cs:si], ecx
        je      .done
        cmp     word [cs:si], 0
        jne     .next
        test    si, si                  ; ZF = 0
.done:
        ret

;---------------------------------------------------------------------------
; adapter_find - the first of our adapters in the machine
; in:       nothing
; out:      CF = 0, BX = bus/dev/fn; CF = 1: none
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, flags
; needs:    a PCI BIOS
;---------------------------------------------------------------------------
adapter_find:
        mov     di, adapter_ids
.next:
        mov     dx, [cs:di]             ; vendor
        mov     cx, [cs:di + 2]
        test    dx, dx
        stc                             ; for a BIOS without the function
        jz      .none
        push    di
        mov     ax, PCI_BIOS_FIND
        xor     si, si                  ; the first one
        int     1Ah
        pop     di
        jc      .other
        test    ah, ah
        jz      .found
.other:
        add     di, 4
        jmp     .next
.none:
        stc
.found:
        ret

;---------------------------------------------------------------------------
; rom_store - change a byte of the ROM and keep its checksum right
; in:       ES:DI = the byte; AL = its new value
; out:      nothing; where the ROM cannot be written nothing happens
; clobbers: AX, flags
; needs:    nothing
;---------------------------------------------------------------------------
rom_store:
        mov     ah, [es:di]
        mov     [es:di], al
        cmp     [es:di], al
        jne     .done                   ; the BIOS has write-protected the ROM
        sub     ah, al
        add     [es:rom_checksum], ah
.done:
        ret

;---------------------------------------------------------------------------
; rom_store_dword - change a dword of the ROM and keep its checksum right
; in:       ES:DI = the dword; EDX = its new value
; out:      DI behind it; where the ROM cannot be written nothing happens
; clobbers: AX, CX, DI, flags
; needs:    nothing
;---------------------------------------------------------------------------
rom_store_dword:
        mov     cx, 4
.byte:
        mov     al, dl
        call    rom_store
        inc     di
        ror     edx, 8
        loop    .byte
        ret
