; The base code's entry (PXE 2.1, chapter 3): what a network boot program calls.
;
; The UNDI's !PXE and PXENV+ lead here instead of to the UNDI, through a hook in RAM that lives behind the
; UNDI's code. UNDI calls go on to the UNDI with everything as it came; the base code's own calls run on the
; instance's stack. When the base code is unloaded, the hook leads straight to the UNDI: a program that has
; kept the entry point (iPXE) may go on, and our data segment may be overwritten.
%include "romgen.inc"
%include "pxe.inc"

global pxe_api:function
global pxe_hook_install:function
global pxe_hook_remove:function
global pxe_open:function
global pxe_params:data
global pxe_hook_at:data
global pxe_busy:data

extern api_cached_info, api_restart_tftp
extern api_tftp_close, api_tftp_get_fsize, api_tftp_open, api_tftp_read, api_tftp_read_file
extern api_udp_close, api_udp_open, api_udp_read, api_udp_write
extern boot_code
extern stack_top
extern undi_block, undi_call, undi_clear, undi_cs_seg, undi_entry, undi_masked
extern undi_pxe, undi_pxenv
extern undi_id_header

PXENV_CALL      equ 5650h       ; INT 1Ah: where is PXENV+
PXENV_ANSWER    equ 564Eh
OPCODE_JMP_FAR  equ 0EAh
FLAGS_CF        equ 1
LAST_UNDI_CALL  equ OP_STOP_UNDI

; What the base code has on the caller's stack behind the hook.
struc api_frame
.regs           resb 32         ; PUSHAD
.gs             resw 1
.fs             resw 1
.es             resw 1
.flags          resw 1
.ds             resw 1
.return         resd 1
.opcode         resw 1
.block          resd 1          ; far pointer to the parameter block
endstruc
API_EAX         equ api_frame.regs + 28

BSS pxe_api
pxe_params:     resd 1          ; far pointer to the caller's parameter block
pxe_caller:     resd 1          ; his SP and SS
pxe_hook_at:    resw 1          ; the hook's offset in the UNDI's code segment, 0 = none
pxe_undi_was:   resd 2          ; entry points of the UNDI's !PXE and PXENV+
pxe_busy:       resb 1          ; somebody is on our stack

RODATA pxe_api
; Copied behind the UNDI's code. Addresses within it are relative to its beginning.
pxe_hook:
.sp:                            ; entry of !PXE
        push    ds
        push    strict word 0   ; DGROUP
.data   equ $ - 2 - pxe_hook
        pop     ds
        db      OPCODE_JMP_FAR
.rom    equ $ - pxe_hook
        dw      pxe_api, 0
.rm     equ $ - pxe_hook        ; entry of PXENV+: registers instead of the stack
        push    es
        push    di
        push    bx
        push    cs
        call    .sp
        add     sp, 6
        retf
.int1a  equ $ - pxe_hook        ; INT 1Ah
        cmp     ax, PXENV_CALL
        je      .ours
        db      OPCODE_JMP_FAR
.old    equ $ - pxe_hook
        dd      0
.ours:
        push    bp
        mov     bp, sp
        and     byte [bp + 6], ~FLAGS_CF
        pop     bp
        push    strict word 0
.pxenv_seg equ $ - 2 - pxe_hook
        pop     es
        mov     bx, 0
.pxenv_off equ $ - 2 - pxe_hook
        mov     edx, 0
.pxenv_lin equ $ - 4 - pxe_hook
        mov     ax, PXENV_ANSWER
        iret
pxe_hook_size   equ $ - pxe_hook
%if pxe_hook_size > PXE_HOOK_ROOM
  %error PXE_HOOK_ROOM is too small
%endif

; The base code's calls: opcode, handler. A handler has GS:DI = parameter block, DS = SS = DGROUP; it returns
; AX = status and may change everything but DS, SS and SP.
%macro CALL_OF 2
        db      OP_%1
        dw      %2
%endmacro
api_calls:
        CALL_OF TFTP_OPEN,       api_tftp_open
        CALL_OF TFTP_CLOSE,      api_tftp_close
        CALL_OF TFTP_READ,       api_tftp_read
        CALL_OF TFTP_READ_FILE,  api_tftp_read_file
        CALL_OF TFTP_GET_FSIZE,  api_tftp_get_fsize
        CALL_OF UDP_OPEN,        api_udp_open
        CALL_OF UDP_CLOSE,       api_udp_close
        CALL_OF UDP_READ,        api_udp_read
        CALL_OF UDP_WRITE,       api_udp_write
        CALL_OF UNLOAD_STACK,    api_unload_stack
        CALL_OF GET_CACHED_INFO, api_cached_info
        CALL_OF RESTART_TFTP,    api_restart_tftp
        CALL_OF START_BASE,      api_start_base
        CALL_OF STOP_BASE,       api_stop_base
        db      0

CODE pxe_api
;---------------------------------------------------------------------------
; pxe_api [jump] - a call of PXE, from the hook
; in:       DS = DGROUP; the stack: caller's DS, far return address, opcode, far pointer to the block
; out:      AX = PXE_EXIT_SUCCESS or PXE_EXIT_FAILURE; the block's first word says why; or, with an
;           opcode of the UNDI's, jumps there
; clobbers: none
; needs:    60 bytes of the caller's stack, or what the UNDI takes
;---------------------------------------------------------------------------
pxe_api:
        pushf
        push    es
        push    fs
        push    gs
        pushad
        mov     bp, sp
        cld
        mov     bx, [bp + api_frame.opcode]
        cmp     bx, LAST_UNDI_CALL
        jbe     .undi
        mov     ax, PXE_FAILURE         ; interrupted ourselves: PXE is not reentrant
        cmp     byte [pxe_busy], 0
        jne     .answer
        inc     byte [pxe_busy]
        mov     [pxe_caller], sp
        mov     [pxe_caller + 2], ss
        mov     eax, [bp + api_frame.block]
        mov     [pxe_params], eax
        mov     ax, ds
        mov     ss, ax
        mov     sp, stack_top
        lgs     di, [pxe_params]
        mov     ax, PXE_UNSUPPORTED
        mov     si, api_calls - 3
.next:
        add     si, 3
        cmp     byte [cs:si], 0
        je      .done
        cmp     [cs:si], bl
        jne     .next
        test    bh, bh
        jnz     .done
        call    [cs:si + 1]
.done:
        lss     sp, [pxe_caller]
        mov     byte [pxe_busy], 0
        mov     bp, sp
.answer:
        les     di, [bp + api_frame.block]
        mov     [es:di], ax
        neg     ax                      ; CF = there is a status
        mov     ax, PXE_EXIT_SUCCESS
        adc     ax, ax
        mov     [bp + API_EAX], ax
        popad
        pop     gs
        pop     fs
        pop     es
        popf
        pop     ds
        retf
.undi:
        popad
        pop     gs
        pop     fs
        pop     es
        popf
        push    dword [undi_entry]
        push    bp
        mov     bp, sp
        mov     ds, [bp + 6]
        pop     bp
        retf    2                       ; to the UNDI, the caller's DS is gone from the stack

;---------------------------------------------------------------------------
; pxe_open - let the UNDI receive and transmit for us, whatever the boot program did with it
; in:       nothing
; out:      nothing
; clobbers: EAX, BX, CX, DI, BP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
pxe_open:
        call    undi_clear
        mov     bl, OP_GET_INFORMATION
        call    undi_call
        mov     bp, [undi_block + p_information.int_number]
        call    undi_clear
        mov     byte [undi_block + p_open.filter], FLTR_DIRECTED | FLTR_BROADCAST
        mov     bl, OP_OPEN
        jmp     undi_masked

;---------------------------------------------------------------------------
; api_start_base - opcode START_BASE: it runs
; in:       GS:DI = parameter block
; out:      AX = PXE_OK
; clobbers: AX, flags
;---------------------------------------------------------------------------
api_start_base:
        xor     ax, ax
        ret

;---------------------------------------------------------------------------
; api_stop_base - opcode STOP_BASE: nothing is open any more
; in:       GS:DI = parameter block
; out:      AX = PXE_OK
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
api_stop_base:
        call    api_tftp_close
        call    api_udp_close
        xor     ax, ax
        ret

;---------------------------------------------------------------------------
; api_unload_stack - opcode UNLOAD_STACK: the base code goes, the UNDI stays until STOP_UNDI
; in:       GS:DI = parameter block
; out:      AX = PXE_OK, or PXE_KEEP_ALL: somebody has hooked INT 1Ah after us
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, GS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
api_unload_stack:
        call    api_stop_base
        call    pxe_hook_remove
        mov     ax, PXE_KEEP_ALL
        jc      .done
        xor     ax, ax
.done:
        ret

;---------------------------------------------------------------------------
; pxe_hook_remove - calls go to the UNDI again
; in:       nothing
; out:      CF = 0: our memory may be used for something else; CF = 1: nothing has changed, INT 1Ah leads
;           to somebody who leads to us
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, BP, ES, GS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
pxe_hook_remove:
        mov     di, [pxe_hook_at]
        cmp     di, 1
        jb      .none
        mov     es, [undi_cs_seg]
        mov     eax, [es:di + pxe_hook.old]
        test    eax, eax
        jz      .vector_done            ; the UNDI's own answers INT 1Ah
        push    es
        lea     dx, [di + pxe_hook.int1a]
        push    dx
        pop     edx
        push    0
        pop     gs
        cmp     [gs:VECTOR_INT1A], edx
        stc
        jne     .done
        mov     [gs:VECTOR_INT1A], eax
.vector_done:
        mov     eax, [undi_entry]
        mov     byte [es:di], OPCODE_JMP_FAR
        mov     [es:di + 1], eax
        mov     word [pxe_hook_at], 0
        mov     ecx, [pxe_undi_was]
        mov     edx, [pxe_undi_was + 4]
        xor     ax, ax
        xor     bp, bp
        call    pxe_structures
.none:
        clc
.done:
        ret

;---------------------------------------------------------------------------
; pxe_structures - what the UNDI's !PXE and PXENV+ say of the base code
; in:       ECX, EDX = entry points for !PXE and PXENV+; AX, BP = base code's data segment and its size
; out:      ECX, EDX = the entry points before
; clobbers: EAX, EBX, ECX, EDX, SI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
pxe_structures:
        les     si, [undi_pxe]
        xchg    [es:si + pxe.entry_sp], ecx
        mov     [es:si + pxe.bc_data.segment], ax
        mov     [es:si + pxe.bc_data.size], bp
        movzx   ebx, ax
        shl     ebx, 4
        mov     [es:si + pxe.bc_data.physical], ebx
        lea     bx, [si + pxe.checksum]
        push    cx
        movzx   cx, byte [es:si + pxe.length]
        call    .sum
        pop     cx
        cmp     word [undi_pxenv + 2], 0
        je      .done                   ; an UNDI without
        les     si, [undi_pxenv]
        xchg    [es:si + pxenv.rm_entry], edx
        mov     [es:si + pxenv.bc_data_seg], ax
        mov     [es:si + pxenv.bc_data_size], bp
        lea     bx, [si + pxenv.checksum]
        push    cx
        movzx   cx, byte [es:si + pxenv.length]
        call    .sum
        pop     cx
.done:
        ret
.sum:                                   ; ES:SI = structure, CX = length, ES:BX = its checksum
        push    ax
        mov     byte [es:bx], 0
        mov     al, 0
.byte:
        sub     al, [es:si]
        inc     si
        loop    .byte
        mov     [es:bx], al
        pop     ax
        ret

INITCODE pxe_api
;---------------------------------------------------------------------------
; pxe_hook_install - from now on calls of PXE come to us
; in:       undi_pxe, undi_pxenv, undi_entry, undi_cs_seg
; out:      pxe_hook_at
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, BP, ES, GS, flags
; needs:    DS = SS = DGROUP; a BIOS; the UNDI loaded
;---------------------------------------------------------------------------
pxe_hook_install:
        mov     ax, PXENV_CALL
        int     1Ah
        push    ds
        pop     gs                      ; whatever the BIOS did
        cmp     ax, PXENV_ANSWER
        sete    bl
        mov     di, [cs:undi_id_header + undi_rom_id.code_size]
        add     di, 15
        and     di, ~15
        mov     [pxe_hook_at], di
        mov     es, [undi_cs_seg]
        mov     si, pxe_hook
        mov     cx, pxe_hook_size
        cs rep movsb
        mov     di, [pxe_hook_at]
        mov     [es:di + pxe_hook.data], ds
        mov     ax, [boot_code]
        mov     [es:di + pxe_hook.rom + 2], ax
        push    bx
        mov     cx, es
        shl     ecx, 16
        mov     cx, di
        lea     edx, [ecx + pxe_hook.rm]
        mov     ax, ds
        mov     bp, stack_top
        call    pxe_structures
        mov     [pxe_undi_was], ecx
        mov     [pxe_undi_was + 4], edx
        pop     bx
        mov     es, [undi_cs_seg]
        test    bl, bl
        jnz     .done                   ; START_UNDI has seen to INT 1Ah
        mov     eax, [undi_pxenv]
        mov     [es:di + pxe_hook.pxenv_off], ax
        movzx   ecx, ax
        shr     eax, 16
        mov     [es:di + pxe_hook.pxenv_seg], ax
        shl     eax, 4
        add     eax, ecx
        mov     [es:di + pxe_hook.pxenv_lin], eax
        push    0
        pop     gs
        push    es
        lea     dx, [di + pxe_hook.int1a]
        push    dx
        pop     edx
        pushf
        cli
        mov     eax, [gs:VECTOR_INT1A]
        mov     [es:di + pxe_hook.old], eax
        mov     [gs:VECTOR_INT1A], edx
        popf
.done:
        ret
