; The way from the BIOS's call of the boot vector to the code that is only needed until it returns.
;
; That code and the UNDI are packed in the ROM file (rom_header.packed; romgen/init_pack.py). They run
; in a copy of the ROM in memory that is given back: the resident part as it is in the ROM, the rest made
; plain behind it, so that every offset is the linker's. What stays behind (stubs, the UNDI's pointer
; to its ROM) must name the ROM itself: boot_code, boot_rom.
%include "romgen.inc"
%include "rom.inc"

global rom_run:function
global overlay_make:function
global packed_plain:function

extern copy_from_linear
extern error_print_no_memory
extern init_size, overlay_dwords, overlay_paragraphs, overlay_work, undi_image, undi_paragraph
extern pmm_call, pmm_find
extern unpack
%if WITH_ISCSI
extern name_main
extern rom_name_return
%endif
%if WITH_PXE
extern pxe_main
%endif
%if !WITH_ISCSI
%define BOOT_MAIN pxe_main
%elif BOOT_BEV
extern bev_main
%define BOOT_MAIN bev_main
%else
extern bcv_main
%define BOOT_MAIN bcv_main
%endif

CODE enter
;---------------------------------------------------------------------------
; rom_run [jump] - the boot vector
; in:       the stack: far return address, segment of the ROM whose adapter it is (it is removed)
; out:      as bcv_main or bev_main
; clobbers: none
; needs:    a BIOS; 700 bytes of stack
;---------------------------------------------------------------------------
rom_run:
        pushf
        pushad
        push    ds
        push    es
        push    fs
        push    gs
        cld
        mov     bp, sp
        mov     gs, [bp + BCV_FRAME.rom]
        push    cs
        pop     fs
        xor     edx, edx
        mov     ax, cs
        cmp     word [cs:rom_header.packed], 0
        je      .made
        call    overlay_make
        jc      .failed
.made:
        push    edx
        push    cs
        push    .back
        push    ax
%if WITH_ISCSI && WITH_PXE
extern rom_bev_return
        cmp     word [bp + BCV_FRAME.return], rom_bev_return
        jne     .disk
        push    pxe_main
        retf
.disk:
%endif
%if WITH_ISCSI
        cmp     word [bp + BCV_FRAME.return], rom_name_return
        jne     .boot
        push    name_main
        retf
.boot:
%endif
        push    BOOT_MAIN
        retf
.failed:
%if WITH_ISCSI
        cmp     word [bp + BCV_FRAME.return], rom_name_return
        je      .done                   ; the boot vector will tell, if it is so then, too
%endif
        call    error_print_no_memory
        jmp     .done
.back:
        call    pmm_find
        pop     eax                     ; CF stays
        jc      .done
        test    eax, eax
        jz      .done                   ; it was not the PMM's
        push    eax
        push    es
        push    di
        add     eax, 15
        shr     eax, 4
        mov     es, ax
        xor     di, di
        xor     eax, eax
        mov     cx, overlay_dwords
        rep stosd                       ; secrets stood there; and the next writer pays for every byte
        pop     di                      ; of code that an emulator has translated
        pop     es
        pop     eax
        mov     dx, PMM_DEALLOCATE
        call    pmm_call
.done:
        pop     gs
        pop     fs
        pop     es
        pop     ds
        popad
        popf
        retf    2

;---------------------------------------------------------------------------
; overlay_make - the copy of the ROM with everything plain
; in:       nothing
; out:      CF = 0, AX = its segment, EDX = its linear address where PMM gave it, else 0;
;           CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    a packed ROM in CS; a BIOS; 400 bytes of stack
;---------------------------------------------------------------------------
; Without a PMM this is a BIOS that has none, or POST is over: then nobody else is at work, and what
; memory_from_base takes lies above.
overlay_make:
%if WITH_PXE
        push    BDA_SEGMENT             ; a boot program is loaded from 7C00h up: out of its way
        pop     es
        mov     dx, [es:BDA_BASE_MEMORY]
        shl     dx, 6
        sub     dx, overlay_paragraphs + OVERLAY_ABOVE
%else
        mov     dx, OVERLAY_SEGMENT
%endif
        xor     eax, eax
        call    pmm_find
        jc      .place
        mov     ax, overlay_paragraphs
        mov     cx, PMM_CONVENTIONAL
        xor     dx, dx                  ; PMM_ALLOCATE
        call    pmm_call
        lea     edx, [eax + 15]
        shr     edx, 4
        jz      .none
        cmp     edx, ROM_FIRST
        ja      .none                   ; PMM_FAILED, or not conventional
.place:
        push    ds
        push    fs
        push    bp
        push    eax
        push    dx
        push    cs
        pop     ds
        mov     es, dx
        xor     si, si
        xor     di, di
        mov     cx, overlay_dwords
        rep movsd
        mov     ax, dx
        add     ax, overlay_work
        mov     fs, ax
        add     dx, undi_paragraph
        mov     es, dx
        mov     cx, init_size
        call    packed_plain
        pop     ax
        pop     edx
        pop     bp
        pop     fs
        pop     ds
        jc      .none
        ret
.none:
        FAIL    NO_MEMORY

;---------------------------------------------------------------------------
; packed_plain - the packed part, plain: made so from the ROM, or as init has put it elsewhere (packed_save)
; in:       CS = the ROM; ES:0 = room; CX = plain bytes wanted, up to a cut of the packer's;
;           FS:0 = UNPACK_PARAGRAPHS of scratch memory
; out:      CF = 0; CF = 1: out of reach, or not there any more
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, flags
; needs:    as copy_linear; who calls restores DS
;---------------------------------------------------------------------------
packed_plain:
        push    cs
        pop     ds
        mov     si, [rom_header.packed]
%if PACKED_MOVES
        cmp     dword [rom_header.packed_far], 0
        je      .here
        cmp     byte [rom_header.packed_users], 1
        jb      .done                   ; it was given back (packed_done)
        mov     esi, [rom_header.packed_far]
        xor     di, di
        movzx   ecx, cx
        jmp     copy_from_linear
.here:
%endif
        call    unpack
        clc
.done:
        ret
