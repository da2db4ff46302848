; Registers above 1 MiB from real mode: FS with base 0 and a limit of 4 GiB ("flat"), A20 open.
; Set up when a driver first needs it within a call and gone when the call ends, because the client
; may use FS, the descriptor tables and A20 for itself. In virtual-8086 mode there is no way: the
; calls that need registers fail.
;
; Loading FS in real mode keeps its limit, so that a limit of 4 GiB mostly lasts from call to call.
; Whoever goes to protected mode and back may take it away. Then the access to the register raises
; exception 13, whose handler, ours during a call, makes FS flat and repeats the access. That way
; protected mode is entered when it must be: each time costs an emulator all its translated addresses.
%include "driver.inc"

global mmio_enter:function
global mmio_leave:function

A20_PORT        equ 0x92        ; system control port A
A20_OPEN        equ 2
A20_RESET       equ 1           ; never write a 1 here: it resets the processor
A20_BIT         equ 20
CR0_PE          equ 1
FLAT_SELECTOR   equ 8
GP_VECTOR       equ 13 * 4

BSS undi_mmio
mmio_gdtr:      resb 6          ; the client's
        alignb  4
mmio_vector:    resd 1          ; the client's handler of exception 13
mmio_active:    resb 1
mmio_a20:       resb 1          ; we opened it
mmio_probe:     resd 1

RODATA undi_mmio
        align   4
; The null descriptor is never read: GDTR's own contents lie there. (The code segment is RAM.)
mmio_gdt:
        dw      15
        dd      0                       ; linear address of mmio_gdt
        dw      0
        dw      0xFFFF, 0, 0x9200, 0x00CF ; data, base 0, limit 4 GiB

CODE undi_mmio
;---------------------------------------------------------------------------
; mmio_enter - make FS:EBX reach the adapter's registers
; in:       nothing
; out:      CF = 0, EBX = nic_mmio, FS = 0 with a limit of 4 GiB;
;           CF = 1, AX = UNDI_INVALID_STATE: protected or virtual-8086 mode, or A20 cannot be opened
; clobbers: AX, EBX, FS, flags
; needs:    interrupts off until mmio_leave
;---------------------------------------------------------------------------
mmio_enter:
        cmp     byte [mmio_active], 0
        jne     .ready
        smsw    bx                      ; not privileged, unlike reading CR0
        test    bl, CR0_PE
        jnz     .refuse
        xor     bx, bx
        mov     fs, bx                  ; base 0; the limit stays
        mov     bx, cs
        shl     ebx, 16
        mov     bx, mmio_fault
        xchg    ebx, [fs:GP_VECTOR]
        mov     [mmio_vector], ebx
        mov     ebx, [nic_mmio]
        or      ebx, [nic_mmio2]
        bt      ebx, A20_BIT
        jnc     .open                   ; A20 does not matter to these registers
        call    a20_closed
        jne     .open
        in      al, A20_PORT
        or      al, A20_OPEN
        and     al, ~A20_RESET
        out     A20_PORT, al
        inc     byte [mmio_a20]
        call    a20_closed
        jne     .open
        call    mmio_leave.restore
.refuse:
        mov     ax, UNDI_INVALID_STATE
        stc
        ret
.open:
        inc     byte [mmio_active]
.ready:
        mov     ebx, [nic_mmio]
        clc
        ret

;---------------------------------------------------------------------------
; mmio_fault [interrupt] - exception 13: FS has no flat limit; the instruction is repeated
; in:       nothing
; out:      FS = 0 with a limit of 4 GiB
; clobbers: FS
; needs:    DS = the UNDI's data segment, real mode
;---------------------------------------------------------------------------
mmio_fault:
        push    eax
        push    bx
        o32 sgdt [mmio_gdtr]
        xor     eax, eax
        mov     ax, cs
        shl     eax, 4
        add     eax, mmio_gdt
        mov     [cs:mmio_gdt + 2], eax
        o32 lgdt [cs:mmio_gdt]
        mov     bx, FLAT_SELECTOR
        mov     eax, cr0
        or      al, CR0_PE
        mov     cr0, eax
        jmp     short .protected        ; a 386 has decoded ahead
.protected:
        mov     fs, bx
        and     al, ~CR0_PE
        mov     cr0, eax
        jmp     short .real
.real:
        xor     bx, bx
        mov     fs, bx                  ; base 0; the limit stays
        o32 lgdt [mmio_gdtr]
        pop     bx
        pop     eax
        iret

;---------------------------------------------------------------------------
; a20_closed - does address line 20 do nothing?
; in:       FS flat
; out:      ZF = 1: closed
; clobbers: EBX, flags
; needs:    interrupts off
;---------------------------------------------------------------------------
a20_closed:
        push    eax
        mov     eax, [nic_linear]
        call    .same
        jne     .done                   ; differs: open
        not     dword [mmio_probe]      ; equal by chance?
        call    .same
.done:
        pop     eax
        ret
.same:
        mov     ebx, [mmio_probe]
        cmp     [fs:eax + mmio_probe + (1 << A20_BIT)], ebx
        ret

;---------------------------------------------------------------------------
; mmio_leave - undo mmio_enter, except FS, which the entry restores
; in:       nothing
; out:      nothing
; clobbers: flags
;---------------------------------------------------------------------------
mmio_leave:
        cmp     byte [mmio_active], 0
        je      .done
        mov     byte [mmio_active], 0
.restore:
        push    dword [mmio_vector]
        pop     dword [fs:GP_VECTOR]
        cmp     byte [mmio_a20], 0
        je      .done
        mov     byte [mmio_a20], 0
        push    ax
        in      al, A20_PORT
        and     al, ~(A20_OPEN | A20_RESET) & 0xFF
        out     A20_PORT, al
        pop     ax
.done:
        ret
