; INT 1Ah AX=5650h, by which a program finds a PXE stack that is running (PXE 2.1, 3.2 and 4.3.2):
; answered from START_UNDI to STOP_UNDI.
;
; Who starts the UNDI without a pointer to the BIOS's $PnP structure has no BIOS at hand, or keeps the
; UNDI to himself, as our boot ROM does: two clients on one adapter would not do.
%include "undi.inc"

global int1a_hook:function
global int1a_unhook:function

PXE_CHECK       equ 0x5650
PXE_CHECKED     equ 0x564E
OPCODE_JMP_FAR  equ 0xEA
FLAGS_LOW       equ 2 + 4       ; of the interrupt's frame, behind BP

CODE undi_int1a
;---------------------------------------------------------------------------
; int1a_hook - answer INT 1Ah
; in:       nothing
; out:      nothing
; clobbers: EAX, ES, flags
; needs:    interrupts off
;---------------------------------------------------------------------------
int1a_hook:
        push    0
        pop     es
        mov     eax, [es:VECTOR_INT1A]
        mov     [cs:int1a_old], eax
        mov     word [es:VECTOR_INT1A], int1a_handler
        mov     [es:VECTOR_INT1A + 2], cs
        ret

;---------------------------------------------------------------------------
; int1a_unhook - the vector as it was
; in:       nothing
; out:      CF = 0, AX = PXE_OK; CF = 1, AX = PXE_KEEP_UNDI: somebody has hooked it after us
; clobbers: EAX, ES, flags
; needs:    interrupts off
;---------------------------------------------------------------------------
int1a_unhook:
        xor     eax, eax
        cmp     [cs:int1a_old], eax
        je      .done                   ; never hooked
        mov     es, ax
        push    cs
        push    word int1a_handler
        pop     eax
        cmp     [es:VECTOR_INT1A], eax
        mov     ax, PXE_KEEP_UNDI
        stc
        jne     .done
        xor     eax, eax
        xchg    [cs:int1a_old], eax
        mov     [es:VECTOR_INT1A], eax
        xor     ax, ax                  ; PXE_OK, CF = 0
.done:
        ret

;---------------------------------------------------------------------------
; int1a_handler [interrupt] - AX = 5650h: here is PXE
; in:       AX = function
; out:      AX = 564Eh, ES:BX = PXENV+, EDX = its physical address, CF = 0; another function goes on
; clobbers: none
; needs:    nothing
;---------------------------------------------------------------------------
int1a_handler:
        cmp     ax, PXE_CHECK
        jne     .other
        xor     edx, edx
        mov     dx, cs
        mov     es, dx
        shl     edx, 4
        mov     bx, UNDI_PXENV
        add     edx, UNDI_PXENV
        mov     ax, PXE_CHECKED
        push    bp
        mov     bp, sp
        and     byte [bp + FLAGS_LOW], ~1
        pop     bp
        iret
.other:
        db      OPCODE_JMP_FAR
int1a_old:                              ; data: the vector before us, 0 = not hooked
        dd      0
