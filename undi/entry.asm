; Where a client enters the UNDI: the structures it finds, the two calling conventions, the opcodes.
; PXE 2.1, 4.2 (!PXE, PXENV+) and 3.4.
%include "undi.inc"

global pxenv_entry:function
global pxe_entry:function
global api_dispatch:function
extern undi_state, mmio_leave
extern api_start, api_initialize, api_reset_adapter, api_shutdown
extern api_open, api_close, api_stop, api_transmit, api_isr
extern api_set_mcast, api_set_station, api_set_filter, api_get_mcast
extern api_get_information, api_get_statistics, api_clear_statistics
extern api_get_nic_type, api_get_iface_info
extern undi_code_size, undi_data_size

; what stands on the stack while an opcode is handled
struc entry_frame
.regs           resb 32         ; PUSHAD
.gs             resw 1
.fs             resw 1
.es             resw 1
.ds             resw 1
.flags          resw 1
.return         resd 1
.opcode         resw 1          ; the !PXE convention's arguments
.block          resd 1          ; far pointer to the parameter block
endstruc
FRAME_EAX       equ entry_frame.regs + 28

CODE entry
;---------------------------------------------------------------------------
; pxenv_entry [far] - PXENV+ entry: registers instead of the stack
; in:       BX = opcode; ES:DI = parameter block
; out:      AX = PXE_EXIT_SUCCESS or PXE_EXIT_FAILURE; the block's first word says why
; clobbers: none
; needs:    real mode. At CS:0: a Wyse boot program assumes it there
;---------------------------------------------------------------------------
pxenv_entry:
        push    es
        push    di
        push    bx
        push    cs                      ; as a far call from here
        call    pxe_entry
        add     sp, 6
        retf

        times   UNDI_PXENV - ($ - $$) db 0
; The loader (undi/loader.asm) fills in segments and checksums.
pxenv_structure:                        ; data:
istruc pxenv
        at pxenv.signature,      db "PXENV+"
        at pxenv.version,        dw 0x0201
        at pxenv.length,         db pxenv_size
        at pxenv.rm_entry,       dd pxenv_entry
        at pxenv.undi_data_size, dw undi_data_size
        at pxenv.undi_code_size, dw undi_code_size
        at pxenv.pxe_ptr,        dw UNDI_PXE
iend
        times   UNDI_HOME - ($ - $$) db 0
undi_home_words:                        ; data:
        times   undi_home_size db 0
        times   UNDI_PXE - ($ - $$) db 0
pxe_structure:                          ; data:
istruc pxe
        at pxe.signature,            db "!PXE"
        at pxe.length,               db pxe_size
        at pxe.entry_sp,             dd pxe_entry
        at pxe.status_callout,       dd -1      ; none
        at pxe.segment_count,        db 7
        at pxe.undi_data.size,       dw undi_data_size
        at pxe.undi_code.size,       dw undi_code_size
        at pxe.undi_code_write.size, dw undi_code_size
iend

;---------------------------------------------------------------------------
; pxe_entry [far] - !PXE entry: three words on the stack, which the caller removes
; in:       opcode, offset and segment of the parameter block, pushed in the opposite order
; out:      AX = PXE_EXIT_SUCCESS or PXE_EXIT_FAILURE; the block's first word says why
; clobbers: none
; needs:    about 120 bytes of the caller's stack
;---------------------------------------------------------------------------
pxe_entry:
        pushf
        cli                             ; a handler might lose the flat limit of FS
        cld
        push    ds
        push    es
        push    fs
        push    gs
        pushad
        mov     bp, sp
        mov     ds, [cs:UNDI_HOME + undi_home.ds]
        mov     bx, [bp + entry_frame.opcode]
        les     di, [bp + entry_frame.block]
        call    api_dispatch
        mov     bp, sp
        les     di, [bp + entry_frame.block]
        stosw                           ; the block's status word
        call    mmio_leave
        neg     ax                      ; CF = there is a status
        mov     ax, PXE_EXIT_SUCCESS
        adc     ax, ax
        mov     [bp + FRAME_EAX], ax
        popad
        pop     gs
        pop     fs
        pop     es
        pop     ds
        popf
        retf

;---------------------------------------------------------------------------
; api_dispatch - handle one opcode
; in:       BX = opcode; ES:DI = parameter block
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = the UNDI's data segment; interrupts off
;---------------------------------------------------------------------------
; A handler has what this routine has, and leaves AX as it does.
api_dispatch:
        mov     ax, PXE_UNSUPPORTED
        cmp     bx, OP_STOP_UNDI
        ja      .base_code
        imul    bx, bx, OPCODE_ENTRY
        mov     al, UNDI_INVALID_STATE
        mov     cl, [undi_state]
        cmp     cl, [cs:bx + opcodes + 2]
        jb      .done
        jmp     [cs:bx + opcodes]
.base_code:
        cmp     bx, OP_UNLOAD_STACK
        jne     .done
        xor     ax, ax                  ; there is no base code to unload: done
.done:
        ret

;---------------------------------------------------------------------------
; api_nothing - an opcode that has nothing to do here
; in:       nothing
; out:      AX = PXE_OK
; clobbers: none
;---------------------------------------------------------------------------
api_nothing:
        xor     ax, ax
        ret

;---------------------------------------------------------------------------
; api_unsupported - an opcode that this UNDI does not have
; in:       nothing
; out:      AX = PXE_UNSUPPORTED
; clobbers: none
;---------------------------------------------------------------------------
api_unsupported:
        mov     ax, PXE_UNSUPPORTED
        ret

RODATA undi_opcodes
; by opcode: handler, the state that it needs at least. More is allowed than PXE 2.1 says where known
; clients do it: OPEN and SET_PACKET_FILTER in the wrong order, CLOSE twice.
OPCODE_ENTRY    equ 3
%macro OPCODE 2
        dw      %1
        db      %2
%endmacro
opcodes:
        OPCODE  api_start,            UNDI_UNLOADED
        OPCODE  api_nothing,          UNDI_STARTED ; STARTUP
        OPCODE  api_nothing,          UNDI_STARTED ; CLEANUP
        OPCODE  api_initialize,       UNDI_STARTED
        OPCODE  api_reset_adapter,    UNDI_STARTED
        OPCODE  api_shutdown,         UNDI_STARTED
        OPCODE  api_open,             UNDI_INITIALIZED
        OPCODE  api_close,            UNDI_STARTED
        OPCODE  api_transmit,         UNDI_INITIALIZED
        OPCODE  api_set_mcast,        UNDI_STARTED
        OPCODE  api_set_station,      UNDI_STARTED
        OPCODE  api_set_filter,       UNDI_STARTED
        OPCODE  api_get_information,  UNDI_STARTED
        OPCODE  api_get_statistics,   UNDI_STARTED
        OPCODE  api_clear_statistics, UNDI_STARTED
        OPCODE  api_unsupported,      UNDI_STARTED ; INITIATE_DIAGS
        OPCODE  api_unsupported,      UNDI_STARTED ; FORCE_INTERRUPT
        OPCODE  api_get_mcast,        UNDI_STARTED
        OPCODE  api_get_nic_type,     UNDI_STARTED
        OPCODE  api_get_iface_info,   UNDI_STARTED
        OPCODE  api_isr,              UNDI_STARTED
        OPCODE  api_stop,             UNDI_STARTED ; UNDI_GET_STATE has the same number
OPCODES_END:
%if (OPCODES_END - opcodes) / OPCODE_ENTRY - 1 != OP_STOP_UNDI
  %error the table of opcodes has a wrong length
%endif
