; A further adapter's copy of the ROM keeps its headers and its boot variables; code, texts and the UNDI
; are the first one's.
%include "romgen.inc"
%include "rom.inc"

global rom_share:function

extern ev_block_start, ev_room
extern pcir_header
%if WITH_ISCSI && WITH_PXE
extern rom_bev_code
%endif
extern rom_bcv_code, rom_bdf, rom_checksum, rom_ev, rom_header_end, rom_run
extern short_blocks, short_bytes, short_ev
extern undi_image

ROM_STEP        equ 80h         ; option ROMs lie in steps of 2 KiB
CALL_FAR        equ 9Ah
BLOCK_BITS      equ 9           ; the size byte counts 512 bytes

CODE share
;---------------------------------------------------------------------------
; rom_share - look for the same ROM before us; leave to it what need not be there twice
; in:       nothing
; out:      nothing; the ROM may have become short: the BIOS looks at its size when init has returned
; clobbers: AX, BX, CX, SI, DI, ES, flags
; needs:    CS = the ROM's segment, which can be written
;---------------------------------------------------------------------------
; Everything but the headers and the EV block is compared: another version or another adapter's ROM is
; left alone. The one before us counts only if it has its adapter: a BIOS may throw others away.
rom_share:
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
        cmpsw                           ; the size: a short one has another
        jne     .rom
        cmp     word [es:rom_bdf], 0
        je      .rom
        mov     si, rom_header_end
        mov     cx, ev_block_start
        call    .compare
        jne     .rom
        mov     si, undi_image
        movzx   cx, byte [rom_header.size]
        shl     cx, BLOCK_BITS
        call    .compare
        jne     .rom

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
        mov     al, short_blocks
        mov     [rom_header.size], al
        mov     [pcir_header + pcir.image_length], ax
        mov     [pcir_header + pcir.max_runtime_length], ax
        xor     si, si
        mov     cx, short_bytes
        mov     ah, [rom_checksum]
.sum:
        lodsb
        sub     ah, al
        loop    .sum
        mov     [rom_checksum], ah
.done:
        pop     ds
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
