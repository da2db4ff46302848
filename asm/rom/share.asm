; What a ROM gives back when init is done. A further adapter's copy keeps its headers and its boot
; variables; code, texts and the UNDI are the first one's. The first one's packed part is not needed in
; the ROM where packed_save has found other memory for it.
%include "romgen.inc"
%include "rom.inc"

global rom_share:function

extern ev_block_start, ev_room
extern pcir_header
%if WITH_ISCSI && WITH_PXE
extern rom_bev_code
%endif
extern keep_blocks
extern pmm_call, pmm_find
extern rom_bcv_code, rom_bdf, rom_checksum, rom_ev, rom_header_end, rom_run, rom_store, rom_version
extern short_blocks, short_ev

ROM_STEP        equ 80h         ; option ROMs lie in steps of 2 KiB
CALL_FAR        equ 9Ah
BLOCK_BITS      equ 9           ; the size byte counts 512 bytes

CODE share
;---------------------------------------------------------------------------
; rom_share - look for the same ROM before us; leave to it what need not be there twice
; in:       nothing
; out:      nothing; the ROM may have become short: the BIOS looks at its size when init has returned
; clobbers: BX, ECX, EDX, SI, DI, ES, flags
; needs:    CS = the ROM's segment, which can be written
;---------------------------------------------------------------------------
; Another version or another adapter's ROM is left alone: code and texts are compared, and the build id
; for what is packed. The one before us counts only if it has its adapter: a BIOS may throw others away.
rom_share:
        push    eax
        push    ds
        push    cs
        pop     ds
        mov     bx, ROM_FIRST
.rom:
        mov     ax, cs
        cmp     bx, ax
        jae     .done
        mov     es, bx
        add     bx, ROM_STEP
        xor     si, si
        xor     di, di
        cmpsw                           ; 55 AA
        jne     .rom
        cmp     [es:rom_header.undi_rom_id], di ; a short one has none; DI = 2 here
        jb      .rom
        cmp     word [es:rom_bdf], 0
        je      .rom
        mov     si, rom_header_end
        mov     cx, ev_block_start
        call    .compare
        jne     .rom
        mov     si, rom_version + version_info.build_id
        mov     cx, rom_version + version_info.text
        call    .compare
        jne     .rom

%if PACKED_MOVES
        mov     di, rom_header.packed_users
        mov     al, [es:di]
        cmp     al, 1
        jb      .whole                  ; it has what is packed
        inc     ax
        call    rom_store
.whole:
%endif
        mov     bx, es
        push    ds
        pop     es
        mov     di, rom_bcv_code
        call    .far_call
%if WITH_ISCSI && WITH_PXE
        mov     di, rom_bev_code
        call    .far_call
%endif
        mov     si, ev_block_start
        mov     di, short_ev
        mov     [rom_ev], di
        mov     cx, ev_room
        rep movsb
        xor     ax, ax
        mov     [rom_header.undi_rom_id], ax
%if PACKED_MOVES
        mov     [rom_header.packed_users], al
        call    pmm_find
        mov     eax, 0                  ; CF stays
        xchg    eax, [rom_header.packed_far]
        jc      .short
        mov     dx, PMM_DEALLOCATE      ; of 0: nothing
        call    pmm_call
.short:
%endif
        mov     al, short_blocks
%if PACKED_MOVES
        jmp     .shrink
.done:
        cmp     dword [rom_header.packed_far], 0
        je      .out
        mov     al, keep_blocks
.shrink:
%endif
        movzx   cx, al
        mov     ah, 0
        mov     [rom_header.size], al
        mov     [pcir_header + pcir.image_length], ax
        mov     [pcir_header + pcir.max_runtime_length], ax
        xor     si, si
        shl     cx, BLOCK_BITS
        mov     ah, [rom_checksum]
.sum:
        lodsb
        sub     ah, al
        loop    .sum
        mov     [rom_checksum], ah
%if PACKED_MOVES
.out:
%else
.done:
%endif
        pop     ds
        pop     eax
        ret

.far_call:                              ; five bytes at ES:DI
        mov     al, CALL_FAR
        stosb
        mov     ax, rom_run
        stosw
        mov     ax, bx
        stosw
        ret

; SI = from, CX = end -> ZF = 1: the same here and there
.compare:
        mov     di, si
        sub     cx, si
        repe cmpsb
        ret
