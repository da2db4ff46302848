; The loader of the UNDI: part of the ROM, called through the UNDI ROM ID (PXE 2.1, 3.1.4).
%include "undi.inc"

global undi_loader:function
extern undi_image, undi_code_size, undi_data_size
extern packed_plain

struc loader_frame              ; what stands on the stack
.regs           resb 32         ; PUSHAD
.es             resw 1
.ds             resw 1
.flags          resw 1
.return         resd 1
.block          resd 1          ; far pointer to the p_loader, the caller's
endstruc
LOADER_EAX      equ loader_frame.regs + 28

CODE undi_loader
;---------------------------------------------------------------------------
; undi_loader [far] - copy the UNDI to the memory that the client has for it
; in:       on the stack: far pointer to a p_loader, which the caller removes
; out:      AX = PXE_EXIT_SUCCESS or PXE_EXIT_FAILURE; the p_loader's status says why
; clobbers: none
; needs:    CS = the ROM's segment; 100 bytes of the caller's stack
;---------------------------------------------------------------------------
undi_loader:
        pushf
        cld
        push    ds
        push    es
        pushad
        mov     bp, sp
        lds     bx, [bp + loader_frame.block]
        mov     ax, LOADER_NO_MEMORY
        mov     dx, [bx + p_loader.undi_ds]
        test    dx, dx
        jz      .done
        mov     cx, [bx + p_loader.undi_cs]
        test    cx, cx
        jz      .done
        mov     ax, cs
        cmp     cx, ax
        mov     ax, LOADER_NO_MEMORY
        je      .done                   ; it would overwrite us

        mov     es, cx
        cmp     word [cs:rom_header.packed], 0
        jne     .packed
        mov     si, undi_image
        mov     cx, undi_code_size
        xor     di, di
        cs rep movsb
        jmp     .data
.packed:
        push    bx
        push    dx
        push    bp
        push    ds
        push    fs
        mov     fs, dx                  ; the UNDI's data as scratch memory
        mov     cx, undi_code_size
        call    packed_plain
        pop     fs
        pop     ds
        pop     bp
        pop     dx
        pop     bx
        mov     ax, LOADER_NO_MEMORY
        jc      .done
.data:
        mov     es, dx
        xor     di, di
        xor     ax, ax
        mov     cx, undi_data_size - RX_LESS * FRAME_BUFFER ; there may be no more
        shr     cx, 1                   ; the sizes are even
        rep stosw
        mov     es, [bx + p_loader.undi_cs]
        mov     [es:UNDI_HOME + undi_home.ds], dx
        mov     [es:UNDI_HOME + undi_home.rom], cs
        mov     ax, es
        mov     si, UNDI_PXENV
        mov     [es:si + pxenv.rm_entry + 2], ax
        mov     [es:si + pxenv.undi_code_seg], ax
        mov     [es:si + pxenv.undi_data_seg], dx
        mov     [es:si + pxenv.pxe_ptr + 2], ax
        mov     [bx + p_loader.pxenv_off], si
        mov     [bx + p_loader.pxenv_seg], ax
        mov     di, pxenv.checksum
        mov     cx, pxenv_size
        call    loader_checksum
        mov     si, UNDI_PXE
        mov     [es:si + pxe.entry_sp + 2], es
        mov     [bx + p_loader.pxe_off], si
        mov     [bx + p_loader.pxe_seg], es
        mov     ax, [cs:rom_header.undi_rom_id]
        mov     [es:si + pxe.undi_rom_id], ax
        mov     [es:si + pxe.undi_rom_id + 2], cs
        mov     di, pxe.undi_code
        mov     ax, es
        call    loader_descriptor
        mov     di, pxe.undi_code_write
        call    loader_descriptor
        mov     di, pxe.undi_data
        mov     ax, dx
        call    loader_descriptor
        mov     di, pxe.checksum
        mov     cx, pxe_size
        call    loader_checksum
        xor     ax, ax
.done:
        mov     [bx + p_loader.status], ax
        neg     ax                      ; CF = there is a status
        mov     ax, PXE_EXIT_SUCCESS
        adc     ax, ax
        mov     [bp + LOADER_EAX], ax
        popad
        pop     es
        pop     ds
        popf
        retf

;---------------------------------------------------------------------------
; loader_descriptor - one of the segments that the !PXE lists
; in:       ES:SI = !PXE, DI = offset of the segment_descriptor in it, AX = segment
; out:      nothing
; clobbers: ECX, DI, flags
;---------------------------------------------------------------------------
loader_descriptor:
        add     di, si
        mov     [es:di + segment_descriptor.segment], ax
        movzx   ecx, ax
        shl     ecx, 4
        mov     [es:di + segment_descriptor.physical], ecx
        ret

;---------------------------------------------------------------------------
; loader_checksum - make the byte sum of a structure zero
; in:       ES:SI = structure, CX = size, DI = offset of its checksum, which holds 0
; out:      nothing
; clobbers: AX, CX, DI, flags
;---------------------------------------------------------------------------
loader_checksum:
        push    si
        add     di, si
        mov     al, 0
.next:
        sub     al, [es:si]
        inc     si
        loop    .next
        mov     [es:di], al
        pop     si
        ret
