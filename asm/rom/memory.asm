; Memory of one instance: the UNDI's code, DGROUP, the UNDI's data, in one block.
;
; Code and data that is often written do not share a page: processors and, much more, emulators pay
; for each write next to code that they have translated (QEMU's TCG: three times as slow altogether).
; So the block begins with a page, and of DGROUP, whose first bytes are code, the first page is seldom
; written (rom.ld.j2). The UNDI's data ends with its receive buffers: base memory has fewer of them.
%include "romgen.inc"
%include "rom.inc"
%if RX_LESS
%include "undi.inc"
%include "undi/nic/virtio.inc"
%endif
%if WITH_PXE
%include "pxe.inc"
%endif

global memory_allocate:function
global memory_extended:function
global memory_release:function
global memory_segment:data
global memory_pmm:data
global memory_base_before:data
global memory_base_after:data
%if RX_LESS
global memory_rx_less:data
%endif
global undi_cs_seg:data
global undi_ds_seg:data

extern ibft_table
extern undi_id_header
%if RX_LESS
extern pci_read8, pci_read32, rom_bdf
%endif
extern dgroup_dwords           ; size of DGROUP with its stack, by the linker
extern dgroup_paragraphs
extern pmm_call, pmm_find
extern rom_end

BASE_MEMORY_MIN equ 256         ; KiB that must be left for the system
PAGE            equ 4096 / 16   ; in paragraphs
PAGE_KIB        equ 4
CAPS_MAX        equ 48          ; more do not fit into 256 bytes
PMM_FAILED      equ -1          ; function not supported; 0 = no memory

BSS memory
memory_segment:         resw 1  ; of DGROUP
memory_pmm:             resd 1  ; its linear address where PMM gave it, else 0
memory_base_before:     resw 1  ; KiB at 40:13 before and after where base memory gave it
memory_base_after:      resw 1
undi_cs_seg:            resw 1
undi_ds_seg:            resw 1
%if RX_LESS
memory_rx_less:         resw 1  ; receive buffers that there is no room for
%endif

INITCODE memory
;---------------------------------------------------------------------------
; memory_allocate - get the memory of this instance and lay it out
; in:       nothing
; out:      CF = 0, AX = segment of DGROUP: zeroed, memory_* and undi_*_seg set in it;
;           CF = 1, AX = error number, nothing taken
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    a BIOS in POST (PMM); 400 bytes of stack
;---------------------------------------------------------------------------
memory_allocate:
        mov     ax, [cs:undi_id_header + undi_rom_id.code_size]
%if WITH_PXE
        add     ax, PXE_HOOK_ROOM + 15  ; begins with a paragraph
%endif
        call    .paragraphs
        xchg    di, ax                  ; DI = from the block's start to DGROUP
        mov     ax, [cs:undi_id_header + undi_rom_id.data_size]
        call    .paragraphs
        lea     bx, [di + dgroup_paragraphs]
        add     bx, ax                  ; BX = of all
%if PLACE_PMM
        push    bx
        add     bx, PAGE - 1            ; to whole pages: a block is aligned as its size is
        mov     bl, 0
        call    memory_from_pmm
        pop     si
        jnc     .pmm
        mov     bx, si
%endif
%if PLACE_BASE
  %if RX_LESS
        call    memory_less
  %endif
        call    memory_from_base
        jnc     .got
%endif
        FAIL    NO_MEMORY
.pmm:
        xor     si, si                  ; there is room for all buffers
.got:                                   ; AX = segment, EDX = address by PMM or 0, CX = KiB before
        push    ax
        push    cx
        add     ax, di
        mov     es, ax
        mov     cx, dgroup_dwords
        xor     eax, eax
        xor     di, di
        rep stosd
        pop     cx
        pop     ax
        mov     [es:memory_base_before], cx
        mov     [es:memory_segment], es
        mov     [es:memory_pmm], edx
%if RX_LESS
        mov     [es:memory_rx_less], si
%endif
        mov     [es:undi_cs_seg], ax
        shr     ax, 6                   ; base memory is taken in whole KiB
        mov     [es:memory_base_after], ax
        mov     ax, es
        add     ax, dgroup_paragraphs
        mov     [es:undi_ds_seg], ax
        mov     ax, es
        clc
        ret
.paragraphs:                            ; AX bytes -> paragraphs
        add     ax, 15
        rcr     ax, 1                   ; with the carry: up to 64 KiB
        shr     ax, 3
        ret

%if RX_LESS
;---------------------------------------------------------------------------
; memory_less - base memory has fewer receive buffers
; in:       BX = paragraphs; GS = the ROM whose adapter it is
; out:      BX = paragraphs, SI = buffers fewer
; clobbers: ECX, flags
; needs:    nothing
;---------------------------------------------------------------------------
memory_less:
  %ifidn NIC_NAME, "virtio"
        ; A legacy device has queues as long as it likes (undi/nic/virtio.asm): it gets all the room.
        push    di
        push    bx
        mov     bx, [gs:rom_bdf]
        mov     si, CAPS_MAX            ; a list may run in a circle
        mov     di, PCI_CAPABILITIES
        call    pci_read8
.capability:
        and     cx, 0FCh
        jz      .legacy
        mov     di, cx
        call    pci_read32
        rol     ecx, 8
        cmp     cx, PCI_CAP_VENDOR << 8 | VIRTIO_WINDOW
        je      .modern
        shr     ecx, 16                 ; CL = the next one
        dec     si
        jnz     .capability
.legacy:
        pop     bx
        pop     di
        xor     si, si
        ret
.modern:
        pop     bx
        pop     di
        mov     si, RX_LESS
        sub     bx, RX_LESS * FRAME_BUFFER / 16
        ret
  %else
        mov     si, RX_LESS
        sub     bx, RX_LESS * FRAME_BUFFER / 16
        ret
  %endif
%endif

;---------------------------------------------------------------------------
; memory_from_pmm - permanent conventional memory from the POST Memory Manager
; in:       BX = paragraphs
; out:      CF = 0, AX = segment, EDX = its linear address, CX = 0; CF = 1: none
; clobbers: EAX, ECX, EDX, ES, flags
; needs:    a BIOS in POST; 300 bytes of stack
;---------------------------------------------------------------------------
; PMM 1.00 has no permanent memory and ignores the flag: what it returns is given to the system
; later. So a block counts only where it lies above base memory as 40:13 has it now.
memory_from_pmm:
        call    pmm_find
        jc      .none
        movzx   eax, bx
        mov     cx, PMM_CONVENTIONAL | PMM_PERMANENT | PMM_ALIGN
        mov     dx, PMM_ALLOCATE
        call    pmm_call
        test    eax, eax
        jz      .refuse
        cmp     eax, PMM_FAILED
        je      .refuse
        mov     edx, eax
        push    es
        push    BDA_SEGMENT
        pop     es
        movzx   ecx, word [es:BDA_BASE_MEMORY]
        pop     es
        shl     ecx, 10
        cmp     eax, ecx
        jb      .temporary
        cmp     eax, 100000h
        jae     .temporary              ; not conventional
        shr     eax, 4
        xor     cx, cx
        ret
.temporary:
        mov     dx, PMM_DEALLOCATE
        call    pmm_call
.refuse:
        stc
.none:
        ret

;---------------------------------------------------------------------------
; memory_extended - permanent memory above 1 MiB
; in:       EAX = paragraphs
; out:      EAX = its linear address, a multiple of the largest power of 2 in its size; 0: none
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    a BIOS in POST; 300 bytes of stack
;---------------------------------------------------------------------------
; PMM 1.00 ignores the flag and takes the memory back: it counts only where the system's map does not
; call it usable.
memory_extended:
        push    eax
        call    pmm_find
        pop     eax
        jc      .none
        mov     cx, PMM_EXTENDED | PMM_PERMANENT | PMM_ALIGN
        mov     dx, PMM_ALLOCATE
        call    pmm_call
        inc     eax
        jz      .none                   ; PMM_FAILED
        dec     eax
        jz      .none
        xchg    esi, eax
        push    es
        push    ds
        push    ss
        pop     es
        sub     sp, e820_size
        mov     di, sp
        xor     ebx, ebx
.entry:
        mov     eax, E820_FUNCTION
        mov     edx, E820_SMAP
        mov     ecx, e820_size
        push    esi
        int     15h
        pop     esi
        jc      .refuse                 ; no map: who knows
        cmp     byte [es:di + e820.type], E820_RAM
        jne     .other
        cmp     dword [es:di + e820.base + 4], 0
        jne     .other
        mov     eax, esi
        sub     eax, [es:di + e820.base]
        jb      .other
        cmp     eax, [es:di + e820.length]
        jae     .other
.refuse:
        add     sp, e820_size
        pop     ds
        pop     es
        xchg    eax, esi
        mov     dx, PMM_DEALLOCATE
        call    pmm_call
.none:
        xor     eax, eax
        ret
.other:
        test    ebx, ebx
        jnz     .entry
        add     sp, e820_size
        pop     ds
        pop     es
        xchg    eax, esi
        ret

;---------------------------------------------------------------------------
; memory_from_base - lower the top of base memory
; in:       BX = paragraphs
; out:      CF = 0, AX = segment, EDX = 0, CX = KiB of base memory before; CF = 1: not enough
; clobbers: AX, CX, EDX, ES, flags
; needs:    300 bytes of stack
;---------------------------------------------------------------------------
; The EBDA stays where it is, above the old top.
memory_from_base:
        push    BDA_SEGMENT
        pop     es
        mov     cx, [es:BDA_BASE_MEMORY]
        lea     dx, [bx + 63]
        shr     dx, 6                   ; paragraphs -> KiB
        mov     ax, cx
        sub     ax, dx
        and     al, -PAGE_KIB           ; begins with a page
        cmp     ax, BASE_MEMORY_MIN
        jl      .none
        call    memory_cleared
        jc      .none
        mov     [es:BDA_BASE_MEMORY], ax
        shl     ax, 6
        xor     edx, edx
        ret
.none:
        stc
        ret

;---------------------------------------------------------------------------
; memory_cleared - will the BIOS clear base memory from here up?
; in:       AX = KiB
; out:      CF = 1: yes, the POST Memory Manager may give it away, and clears that before it boots
; clobbers: flags
; needs:    a BIOS; 300 bytes of stack
;---------------------------------------------------------------------------
; PMM 1.01: memory is zeroed before the bootstrap. SeaBIOS does that with all it might have given,
; 7000h-8FFFFh; so the largest block that it has is looked at.
memory_cleared:
        pushad
        push    es
        movzx   edi, ax
        shl     edi, 10
        call    pmm_find
        cmc
        jnc     .done
        xor     eax, eax                ; how much?
        call    .ask
        mov     esi, eax
        call    .ask                    ; all of it: where?
        test    eax, eax
        jnz     .block
        shr     esi, 4                  ; SeaBIOS told bytes
        mov     eax, esi
        call    .ask
        test    eax, eax
        jz      .done                   ; CF = 0: nothing is free
.block:
        mov     ebx, eax
        mov     dx, PMM_DEALLOCATE
        call    pmm_call
        shl     esi, 4
        add     ebx, esi
        cmp     word [cs:rom_header.packed], 0
        je      .end
        xor     eax, eax                ; we run in such memory, which may lie behind that block
        mov     ax, cs
        shl     eax, 4
        add     eax, rom_end
        cmp     ebx, eax
        jae     .end
        mov     ebx, eax
.end:
        cmp     edi, ebx
.done:
        pop     es
        popad
        ret
.ask:
        mov     cx, PMM_CONVENTIONAL
        mov     dx, PMM_ALLOCATE
        call    pmm_call
        inc     eax
        jz      .unknown                ; PMM_FAILED -> 0
        dec     eax
.unknown:
        ret

;---------------------------------------------------------------------------
; memory_release - give the memory back
; in:       nothing
; out:      nothing
; clobbers: EAX, ECX, EDX, ES, flags
; needs:    DS = DGROUP, which is gone afterwards; SS elsewhere; a BIOS in POST where PMM gave it
;---------------------------------------------------------------------------
memory_release:
%if WITH_ISCSI
        mov     byte [ibft_table], 0    ; nobody may find a table in memory that is not ours
%endif
        cmp     dword [memory_pmm], 0
        je      .base
        call    pmm_find
        jc      .done
        mov     eax, [memory_pmm]
        mov     dx, PMM_DEALLOCATE
        jmp     pmm_call
.base:
        push    BDA_SEGMENT
        pop     es
        mov     ax, [memory_base_after]
        cmp     ax, [es:BDA_BASE_MEMORY]
        jne     .done                   ; somebody took more below us: it stays taken
        mov     ax, [memory_base_before]
        mov     [es:BDA_BASE_MEMORY], ax
.done:
        ret
