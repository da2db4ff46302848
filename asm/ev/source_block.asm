; Boot variables from the EV block in the ROM image (struc ev_block, romgen/formats/option_rom.py).
%include "romgen.inc"
%include "ev.inc"

global ev_block_text:function

extern boot_rom
extern rom_ev

EV_CRC_POLYNOMIAL equ 0EDB88320h        ; CRC-32 of IEEE 802.3, bits in reverse

TABLE evsrc, 20
        dw      ev_source_block, ev_block_message

INITCODE ev
;---------------------------------------------------------------------------
; ev_source_block - the text from the ROM's own EV block, if it holds one
; in:       DI = room for EV_TEXT_MAX bytes in DS
; out:      CF = 0, CX = length; CF = 1, AX = 0: not here, or error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_source_block:
        mov     es, [boot_rom]
        mov     si, [es:rom_ev]         ; fallthrough:
;---------------------------------------------------------------------------
; ev_block_text - the text of a stored EV block
; in:       ES:SI = the block, DI = room for EV_TEXT_MAX bytes in DS
; out:      CF = 0, CX = length; CF = 1, AX = 0: it is empty, or error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_block_text:
        cmp     dword [es:si + ev_block.signature], 'RGEV'
        jne     .damaged
        cmp     word [es:si + ev_block.version], EV_BLOCK_VERSION
        jne     .damaged
        cmp     word [es:si + ev_block.header_length], ev_block_size
        jne     .damaged
        mov     cx, [es:si + ev_block.length]
        cmp     cx, [es:si + ev_block.capacity]
        ja      .damaged
        cmp     cx, EV_TEXT_MAX
        ja      .damaged
        mov     edx, [es:si + ev_block.crc]
        add     si, ev_block_size
        push    cx
        or      eax, -1                 ; EAX = CRC
        jcxz    .end
.byte:
        mov     bl, [es:si]
        inc     si
        mov     [di], bl
        inc     di
        xor     al, bl
        mov     bl, 8
.bit:
        shr     eax, 1
        jnc     .zero
        xor     eax, EV_CRC_POLYNOMIAL
.zero:
        dec     bl
        jnz     .bit
        loop    .byte
.end:
        pop     cx
        not     eax
        cmp     eax, edx
        jne     .damaged
        jcxz    .empty
        ret                             ; CF = 0
.empty:
        xor     ax, ax
        stc
        ret
.damaged:
        FAIL    EV_BLOCK

INITDATA ev
MSG ev_block_message, "Boot variables: ROM", CRLF
