; A client of the UNDI that is nobody's friend: finds an option ROM with an UNDI in memory, loads and
; starts it (PXE 2.1, 3.1.4; facts 2 and 3 of a BIOS without network boot), asks for it by INT 1Ah, and
; enters the network boot program that lies on the disk at NBP_FIRST, as a PXE boot ROM would.
;   @fact undi ROM CS DS        segments: the ROM that has it, its code, its data
;   @ok / @fail                 what held before the boot program was entered
; More defines than guest.inc has: NBP_FIRST, NBP_SECTORS (sectors of the disk).

%include "guest.inc"
GUEST_BEGIN

ROM_FIRST       equ 0xC000
ROM_LAST        equ 0xF000
ROM_STEP        equ 0x80                ; 2 KiB
ROM_MAGIC       equ 0xAA55
ROM_UNDI_ID     equ 0x16                ; word in the ROM's header: the UNDI ROM ID
PNP_LAST        equ 0xFFF0              ; offset in F000h of the last paragraph
NBP_AT          equ 0x7C00              ; linear
NBP_STAGE       equ 0x20000             ; linear: where it is read to, before it is moved over us
MOVER_AT        equ 0x0600              ; linear: the instructions that move it
READ_COUNT      equ 64                  ; sectors in one call
PCI_FIND_CLASS  equ 0xB103
PCI_ETHERNET    equ 0x020000
PXE_CHECK       equ 0x5650              ; INT 1Ah
PXE_CHECKED     equ 0x564E
OP_START_UNDI   equ 0
OP_NIC_TYPE     equ 0x12
PXENV_PXE       equ 0x28
PXE_ENTRY       equ 0x10
UNDI_LOADER     equ 0x0A                ; fields of the UNDI ROM ID
UNDI_DATA       equ 0x0E
UNDI_CODE       equ 0x10

struc loader                            ; the UNDI loader's parameters; START_UNDI's begin alike
.status         resw 1
.ax             resw 1
.bx             resw 1
.dx             resw 1
.di             resw 1
.es             resw 1
.ds_seg         resw 1
.cs_seg         resw 1
.pxe            resd 1
.pxenv          resd 1
endstruc

VARIABLES
block:          resb 64
loader_at:      resd 1
pxe:            resd 1
pxenv:          resd 1
packet:         resb 16
left:           resw 1
CODE

; VERDICT "name": "@ok name" if ZF = 1, else "@fail name" with EAX
%macro VERDICT 1
        mov     si, %%name
        call    verdict
        jmp     %%over
%%name: db      %1, 0
%%over:
%endmacro

main:
        call    report_begin
        call    rom_find
        VERDICT "rom"
        call    installed
        setne   al
        cmp     al, 1
        VERDICT "not-yet"
        call    undi_load
        VERDICT "loader"
        mov     bx, OP_NIC_TYPE         ; not before START_UNDI
        call    undi_call
        cmp     ax, 1
        VERDICT "before-start"
        call    adapter_block
        mov     bx, OP_START_UNDI
        call    undi_call
        cmp     ax, 0
        VERDICT "start"
        call    installed
        VERDICT "int1a"
        PUT     "@fact undi "
        mov     ax, [loader_at + 2]
        call    put_hex16
        PUT     " "
        mov     ax, [pxenv + 2]
        call    put_hex16
        PUT     " "
        mov     ax, [block_ds]
        call    put_hex16
        call    put_line
        cmp     word [count_fail], 0
        jne     report_done
        jmp     nbp_enter

;---------------------------------------------------------------------------
; verdict - report by ZF
; in:       SI = name, ZF, EAX = value to show on failure
; out:      -
; clobbers: none
; needs:    DS = 0
;---------------------------------------------------------------------------
verdict:
        jne     .fail
        jmp     report_ok
.fail:
        call    report_fail
        call    put_hex32
        jmp     put_line

;---------------------------------------------------------------------------
; rom_find - the first option ROM with an UNDI
; in:       -
; out:      ZF = 1: loader_at; ES:BX = UNDI ROM ID
; clobbers: AX, BX, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
rom_find:
        mov     ax, ROM_FIRST
.next:
        mov     es, ax
        cmp     word [es:0], ROM_MAGIC
        jne     .other
        mov     bx, [es:ROM_UNDI_ID]
        cmp     dword [es:bx], 'UNDI'
        je      .found
.other:
        add     ax, ROM_STEP
        cmp     ax, ROM_LAST
        jb      .next
        test    ax, ax
        ret
.found:
        mov     [loader_at + 2], es
        mov     ax, [es:bx + UNDI_LOADER]
        mov     [loader_at], ax
        cmp     ax, ax
        ret

;---------------------------------------------------------------------------
; installed - INT 1Ah, is there a PXE stack?
; in:       -
; out:      ZF = 1: yes, the one whose PXENV+ we know
; clobbers: EAX, EBX, EDX, ES, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
installed:
        mov     ax, PXE_CHECK
        int     0x1A
        jc      .no
        cmp     ax, PXE_CHECKED
        jne     .no
        mov     ax, es
        cmp     [pxenv], bx
        jne     .no
        cmp     [pxenv + 2], ax
        jne     .no
        movzx   eax, ax
        shl     eax, 4
        movzx   ebx, bx
        add     eax, ebx
        cmp     eax, edx
.no:
        mov     ds, [cs:.zero]          ; nothing but DS = 0 is left to chance
        ret
.zero:  dw      0

;---------------------------------------------------------------------------
; adapter_block - parameters: the machine's Ethernet adapter, the BIOS's $PnP structure
; in:       -
; out:      block
; clobbers: EAX, BX, ECX, DX, SI, DI, ES, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
adapter_block:
        push    ds
        pop     es
        mov     di, block
        mov     cx, 64 / 2
        xor     ax, ax
        rep     stosw
        mov     ax, PCI_FIND_CLASS
        mov     ecx, PCI_ETHERNET
        xor     si, si
        int     0x1A
        mov     [block + loader.ax], bx
        or      ax, -1
        mov     [block + loader.bx], ax
        mov     [block + loader.dx], ax
        mov     ax, 0xF000
        mov     es, ax
        xor     di, di
.pnp:
        cmp     dword [es:di], '$PnP'
        je      .found
        add     di, 16
        jnz     .pnp
        ret
.found:
        mov     [block + loader.di], di
        mov     [block + loader.es], es
        ret

;---------------------------------------------------------------------------
; undi_load - segments below the top of base memory, then the ROM's loader
; in:       loader_at, ES:BX = UNDI ROM ID is found again
; out:      ZF = 1: pxe, pxenv; AX = status
; clobbers: everything but DS, SS, SP
; needs:    DS = 0
;---------------------------------------------------------------------------
undi_load:
        call    adapter_block
        call    rom_find
        mov     ax, BDA
        mov     fs, ax
        mov     ax, [fs:BDA_BASE_KIB]
        shl     ax, 6
        mov     cx, [es:bx + UNDI_CODE]
        call    .below
        mov     [block + loader.cs_seg], ax
        mov     cx, [es:bx + UNDI_DATA]
        call    .below
        mov     [block + loader.ds_seg], ax
        mov     [block_ds], ax
        shr     ax, 6
        mov     [fs:BDA_BASE_KIB], ax
        push    ds
        push    word block
        call    far [loader_at]
        add     sp, 4
        mov     ecx, [block + loader.pxe]
        mov     [pxe], ecx
        mov     ecx, [block + loader.pxenv]
        mov     [pxenv], ecx
        test    ax, ax
        jnz     .done
        les     bx, [pxe]
        cmp     dword [es:bx], '!PXE'
        jne     .done
        les     bx, [pxenv]
        cmp     dword [es:bx], 'PXEN'
        jne     .done
        mov     ecx, [es:bx + PXENV_PXE]
        cmp     ecx, [pxe]
.done:
        ret
.below:                                 ; AX = paragraph, CX = bytes that have to lie below it
        add     cx, 15
        rcr     cx, 1
        shr     cx, 3
        sub     ax, cx
        ret
block_ds:       dw 0

;---------------------------------------------------------------------------
; undi_call - by the !PXE entry point
; in:       BX = opcode; block
; out:      AX
; clobbers: everything but DS, SS, SP
; needs:    DS = 0
;---------------------------------------------------------------------------
undi_call:
        push    ds
        push    word block
        push    bx
        les     bx, [pxe]
        call    far [es:bx + PXE_ENTRY]
        add     sp, 6
        ret

;---------------------------------------------------------------------------
; nbp_enter - read the boot program, move it to 0:7C00, enter it [jump]
; in:       pxe, pxenv
; out:      does not return
; clobbers: -
; needs:    DS = 0
;---------------------------------------------------------------------------
; PXE 2.1, 2.4.4.2: far call, ES:BX = PXENV+, EDX its physical address, CX = the UNDI's code segment,
; SS:SP + 4 = far pointer to !PXE, AX = 0.
nbp_enter:
        mov     word [packet], 16
        mov     dword [packet + 4], NBP_STAGE << 12 ; segment:offset
        mov     dword [packet + 8], NBP_FIRST
        mov     dword [packet + 12], 0
        mov     word [left], NBP_SECTORS
.read:
        mov     ax, [left]
        cmp     ax, READ_COUNT
        jbe     .count
        mov     ax, READ_COUNT
.count:
        mov     [packet + 2], ax
        push    ax
        mov     si, packet
        mov     dl, [boot_drive]
        mov     ah, 0x42
        int     0x13
        pop     cx
        jc      .error
        movzx   eax, cx
        add     [packet + 8], eax
        shl     ax, 5
        add     [packet + 6], ax
        sub     [left], cx
        jnz     .read
        call    report_settle
        PUT     "@fact entered"
        call    put_line
        mov     si, mover
        mov     di, MOVER_AT
        push    ds
        pop     es
        mov     cx, mover_end - mover
        rep     movsb
        mov     sp, LOAD_AT
        push    dword [pxe]
        mov     esi, [pxenv]
        jmp     0:MOVER_AT
.error:
        mov     si, .name
        call    report_fail
        call    put_hex16
        call    put_line
        jmp     report_done
.name:  db      "read", 0

mover:                                  ; runs at MOVER_AT
        mov     bp, NBP_SECTORS
        mov     ax, NBP_STAGE >> 4
        mov     bx, NBP_AT >> 4
.sector:
        mov     ds, ax
        mov     es, bx
        push    si
        xor     si, si
        xor     di, di
        mov     cx, SECTOR / 2
        rep     movsw
        pop     si
        add     ax, SECTOR >> 4
        add     bx, SECTOR >> 4
        dec     bp
        jnz     .sector
        mov     ds, cx
        mov     edx, esi                ; PXENV+
        mov     bx, si
        shr     edx, 16
        mov     es, dx
        mov     cx, dx
        shl     edx, 4
        movzx   eax, bx
        add     edx, eax
        xor     ax, ax
        sti
        call    0:NBP_AT
        int     0x18
mover_end:

%include "report.inc"

GUEST_END
