; The headers by which a BIOS knows the ROM. Lengths and checksums are set after linking.
%include "romgen.inc"
%include "rom.inc"

global pcir_header:data
global pnp_header:data
global undi_id_header:data
global rom_checksum:data
global rom_bdf:data
global rom_ev:data
global rom_bcv_code:data
%if WITH_ISCSI && WITH_PXE
global rom_bev_code:data
%endif
global rom_device_list:data
global rom_product:data
global rom_version:data
global rom_bcv:function
global rom_late:function
global rom_late_old:data
%if WITH_ISCSI && WITH_PXE
global rom_bev:function
global rom_bev_return:data
global rom_product_network:data
%endif

extern ev_block_start
extern rom_init
%if UNDI_BLOB
  %define undi_loader undi_blob_loader
%endif
extern undi_loader
extern undi_code_size           ; of the UNDI that is in the image
extern undi_data_size
extern rom_run
%define WITH_BOTH (WITH_ISCSI && WITH_PXE)

OPCODE_JMP_FAR  equ 0EAh
ROM_SIGNATURE   equ 0AA55h
PCIR_REVISION   equ 3           ; PCI Firmware Specification 3.0
PCI_ETHERNET    equ 020000h     ; class code
CODE_PC_AT      equ 0
LAST_IMAGE      equ 80h
; $PnP device indicators: DDIM, may be shadowed, may be cached, boot device
PNP_INDICATORS  equ 80h | 40h | 20h | 04h

section .header progbits alloc exec nowrite align=16
        istruc rom_header
at rom_header.signature,        dw ROM_SIGNATURE
at rom_header.size,             db 0            ; lengths: romgen/compose.py
at rom_header.entry,            jmp near rom_init
rom_checksum:                   ; data: the ROM's byte sum is 0
at rom_header.checksum,         db 0
at rom_header.version,          dw rom_version
at rom_header.owner,            dw ROM_OWNER
at rom_header.undi_rom_id,      dw undi_id_header
at rom_header.pcir,             dw pcir_header
at rom_header.pnp,              dw pnp_header
        iend

        align   4, db 0
pcir_header:                    ; data: PCI Firmware Specification 3.0, 5.1.2
        istruc pcir
at pcir.signature,              db "PCIR"
at pcir.vendor,                 dw PCI_VENDOR
at pcir.device,                 dw PCI_DEVICE
at pcir.device_list,            dw rom_device_list - pcir_header
at pcir.length,                 dw pcir_size
at pcir.revision,               db PCIR_REVISION
at pcir.class_code,             db PCI_ETHERNET & 0FFh, PCI_ETHERNET >> 8 & 0FFh, PCI_ETHERNET >> 16
at pcir.image_length,           dw 0
at pcir.code_revision,          dw VERSION_WORD
at pcir.code_type,              db CODE_PC_AT
at pcir.indicator,              db LAST_IMAGE
at pcir.max_runtime_length,     dw 0
        iend

        align   16, db 0        ; some IBM BIOSes look for it on paragraphs, not by the pointer
pnp_header:                     ; data: Plug and Play BIOS Specification 1.0A, 3.2
        istruc pnp
at pnp.signature,               db "$PnP"
at pnp.revision,                db 1
at pnp.length,                  db pnp_size / 16
%if WITH_BOTH
at pnp.next,                    dw pnp_network_header
%endif
at pnp.manufacturer,            dw rom_manufacturer
at pnp.product,                 dw rom_product
%if BOOT_BEV
at pnp.device_type,             db 02h, 00h, 00h        ; network, Ethernet
at pnp.indicators,              db PNP_INDICATORS
at pnp.bev,                     dw rom_bcv
%else
        ; a disk for the BIOS, so mass storage, SCSI, although the adapter's class is Ethernet
at pnp.device_type,             db 01h, 00h, 00h
at pnp.indicators,              db PNP_INDICATORS
at pnp.bcv,                     dw rom_bcv
%endif
        iend

        align   16, db 0
rom_version:                    ; data: docs/commands/stamp.md; filled in after linking
        istruc version_info
at version_info.signature,      db "$RGV"
at version_info.length,         db version_info_size
at version_info.text,           dw rom_version + version_info.label
at version_info.label,          db VERSION
        iend

%if WITH_BOTH
        align   16, db 0
pnp_network_header:             ; data: the same adapter as a boot program: which one does something,
        istruc pnp              ; the EV BootProtocol says
at pnp.signature,               db "$PnP"
at pnp.revision,                db 1
at pnp.length,                  db pnp_size / 16
at pnp.manufacturer,            dw rom_manufacturer
at pnp.product,                 dw rom_product_network
at pnp.device_type,             db 02h, 00h, 00h        ; network, Ethernet
at pnp.indicators,              db PNP_INDICATORS
at pnp.bev,                     dw rom_bev
        iend
%endif

undi_id_header:                 ; data: PXE 2.1, 4.1
        istruc undi_rom_id
at undi_rom_id.signature,       db "UNDI"
at undi_rom_id.length,          db undi_rom_id_size
at undi_rom_id.undi_revision,   db 0, 1, 2      ; 2.1.0
at undi_rom_id.loader,          dw undi_loader
at undi_rom_id.stack_size,      dw UNDI_STACK
at undi_rom_id.data_size,       dw undi_data_size
at undi_rom_id.code_size,       dw undi_code_size
at undi_rom_id.bus_type,        db "PCIR"
        iend

;---------------------------------------------------------------------------
; rom_bcv [far] - boot vector of the $PnP header: tells the code whose adapter it is for
; in:       nothing that counts
; out:      as rom_run
; clobbers: none
; needs:    as rom_run
;---------------------------------------------------------------------------
rom_bcv:
        push    cs
rom_bcv_code:                   ; data: five bytes; rom_share makes of them a far call of another ROM
        nop
        push    cs
        call    rom_run
        retf

%if WITH_BOTH
;---------------------------------------------------------------------------
; rom_bev [far] - boot vector of the network boot's $PnP header
; in:       nothing that counts
; out:      as pxe_main
; clobbers: none
; needs:    as pxe_main
;---------------------------------------------------------------------------
rom_bev:
        push    cs
rom_bev_code:                   ; data: as rom_bcv_code
        nop
        push    cs
        call    rom_run
rom_bev_return:                 ; data: by which rom_run knows it
        retf
%endif

;---------------------------------------------------------------------------
; rom_late [jump] - INT 19h where the disk has to wait until POST is over (bcv_defer)
; in:       the interrupt's frame on the stack
; out:      jumps to the handler before us
; clobbers: none
; needs:    as rom_bcv
;---------------------------------------------------------------------------
rom_late:
        push    ds
        push    0
        pop     ds
        push    dword [cs:rom_late_old]
        pop     dword [VECTOR_INT19]    ; once
        pop     ds
        push    cs
        call    rom_bcv
        db      OPCODE_JMP_FAR
rom_late_old:                   ; data: the vector before us
        dd      0

rom_device_list:                ; data: other device numbers of the adapter
        dw      PCI_DEVICES, 0

; Written by init while the ROM's memory is writable: the adapter's bus/dev/fn, 0 = not known.
rom_bdf:                        ; data: bus/dev/fn
        dw      0
rom_ev:                         ; data: where the EV block is
        dw      ev_block_start

rom_manufacturer:               ; data: shown by some BIOSes
        db      MANUFACTURER, 0
; Shown in the BIOS's boot menu, read after init, which may have made of it a name with adapter, target
; and LUN (name_main). The version is its last word: `romgen stamp` replaces it.
rom_product:                    ; data: the name in the boot menu
        db      PRODUCT, " ", VERSION, 0
        times PRODUCT_ROOM - ($ - rom_product) db 0
%if WITH_BOTH
rom_product_network:            ; data: the network boot's name
        db      PRODUCT, " network boot ", VERSION, 0
        times PRODUCT_ROOM - ($ - rom_product_network) db 0
%endif
