; A boot program that reads its disk in the states in which DOS programs leave a PC:
; A20 closed, a descriptor table of its own, virtual-8086 mode as under EMM386.
;   @fact v86 AX TICKS FAULTS   INT 13h AH=02h in virtual-8086 mode: what came back, how long it took,
;                               how many instructions the monitor had to stand in for
;   @fact fault CS:IP OPCODE    an instruction that no monitor lets through; the read ends there
; The monitor below is the least one: everything that virtual-8086 mode interrupts goes on to the
; real-mode vectors, all ports are open, HLT is stood in for.

%include "guest.inc"
GUEST_BEGIN

BUFFER          equ 0x20000             ; sectors are read to here
PROBE_LBA_CHS   equ 0x0002              ; cylinder 0, sector 2: the second sector of this program
A20_PORT        equ 0x92
A20_OPEN        equ 2

; memory of the monitor, below the program and its stack
IDT_AT          equ 0x2000              ; 256 gates
TSS_AT          equ 0x3000              ; with a bitmap of all ports
TSS_SIZE        equ 104
TSS_SS0         equ 8
TSS_ESP0        equ 4
TSS_IOMAP       equ 102
IOMAP_SIZE      equ 0x2000
TSS_END         equ TSS_AT + TSS_SIZE + IOMAP_SIZE + 4
RING0_TOP       equ 0x6000
V86_TOP         equ 0x7000              ; the program's stack in virtual-8086 mode
FLAGS_V86       equ 0x00023202          ; VM, IOPL 3, IF

SEL_CODE        equ 0x08                ; 16 bit, base 0
SEL_FLAT        equ 0x10
SEL_REAL        equ 0x18                ; 64 KiB, for the way back
SEL_TSS         equ 0x20
GATE_386        equ 0xEE00              ; interrupt gate, from ring 3
INT_LEAVE       equ 0xFE                ; back to real mode
VECTOR_GP       equ 13
OPCODE_HLT      equ 0xF4

; what a V86 interrupt and PUSHAD leave on the ring 0 stack, from EBP up
struc trap
.regs           resd 8
.vector         resd 1
.eip            resd 1
.cs             resd 1
.eflags         resd 1
.esp            resd 1
.ss             resd 1
.data           resd 4                  ; ES, DS, FS, GS
endstruc

VARIABLES
saved_gdtr:     resb 6
seen_gdtr:      resb 6
real_sp:        resw 1
v86_ax:         resw 1
v86_ticks:      resd 1
v86_faults:     resd 1
fault_at:       resd 1
fault_opcode:   resb 1
fault_end:      resb 1
CODE

main:
        call    report_begin

        call    a20_close
        call    a20_state
        jne     .cannot_close           ; nothing to test on this machine
        mov     si, name_a20_read
        call    read_check
        mov     si, name_a20_closed
        call    a20_state
        call    report_equal
.cannot_close:
        call    a20_open
        mov     si, name_open_read
        call    read_check
        mov     si, name_a20_open
        call    a20_state
        setne   al
        cmp     al, 1
        call    report_equal

        cli
        o32 sgdt [saved_gdtr]
        o32 lgdt [strange_gdtr]
        mov     si, name_gdtr_read
        call    read_check
        o32 sgdt [seen_gdtr]
        o32 lgdt [saved_gdtr]
        sti
        mov     si, seen_gdtr
        mov     di, strange_gdtr
        mov     cx, 6
        repe cmpsb
        mov     si, name_gdtr
        call    report_equal

        call    v86_run
        PUT     "@fact v86 "
        mov     ax, [v86_ax]
        call    put_hex16
        PUT     " "
        mov     eax, [v86_ticks]
        call    put_dec
        PUT     " "
        mov     eax, [v86_faults]
        call    put_dec
        call    put_line
        cmp     byte [fault_end], 0
        je      .no_fault
        PUT     "@fact fault "
        mov     eax, [fault_at]
        call    put_hex32
        PUT     " "
        mov     al, [fault_opcode]
        call    put_hex8
        call    put_line
.no_fault:
        mov     si, name_again
        call    read_check
        jmp     report_done

;---------------------------------------------------------------------------
; report_equal - a check that holds where the flags say "equal"
; in:       ZF; SI = name
; out:      -
; clobbers: none
; needs:    DS = 0
;---------------------------------------------------------------------------
report_equal:
        je      report_ok
        call    report_fail
        jmp     put_line

;---------------------------------------------------------------------------
; read_check - INT 13h AH=02h of the program's second sector, compared with the program
; in:       SI = name of the check
; out:      -
; clobbers: EAX, ECX, EDX, EBX, ESI, EDI, flags
; needs:    DS = ES = 0
;---------------------------------------------------------------------------
read_check:
        push    si
        call    read_sector
        pop     bx
        jc      .status
        push    BUFFER >> 4
        pop     es
        xor     di, di
        mov     si, LOAD_AT + SECTOR
        mov     cx, SECTOR / 2
        repe cmpsw
        push    0
        pop     es
        mov     si, bx
        je      report_ok
        mov     ah, 0
.status:
        mov     si, bx
        call    report_fail
        call    put_hex16
        jmp     put_line

;---------------------------------------------------------------------------
; read_sector - one sector to BUFFER
; in:       -
; out:      CF and AX of INT 13h
; clobbers: BX, CX, DX, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
read_sector:
        push    BUFFER >> 4
        pop     es
        xor     bx, bx
        mov     ax, 0x0201
        mov     cx, PROBE_LBA_CHS
        mov     dl, [boot_drive]
        mov     dh, 0
        int     0x13
        push    0
        pop     es
        ret

;---------------------------------------------------------------------------
; a20_close, a20_open - by system control port A
; in:       -
; out:      -
; clobbers: AL, flags
;---------------------------------------------------------------------------
a20_close:
        in      al, A20_PORT
        and     al, ~(A20_OPEN | 1) & 0xFF
        out     A20_PORT, al
        ret
a20_open:                               ; fallthrough: the other way
        in      al, A20_PORT
        and     al, ~1 & 0xFF
        or      al, A20_OPEN
        out     A20_PORT, al
        ret

;---------------------------------------------------------------------------
; a20_state - does address line 20 do nothing?
; in:       -
; out:      ZF = 1: closed
; clobbers: EAX, FS, flags
;---------------------------------------------------------------------------
a20_state:
        push    0xFFFF
        pop     fs
        mov     eax, [fs:LOAD_AT + 0x10]
        cmp     eax, [LOAD_AT]
        jne     .done
        not     dword [LOAD_AT]
        mov     eax, [fs:LOAD_AT + 0x10]
        cmp     eax, [LOAD_AT]
        pushf
        not     dword [LOAD_AT]
        popf
.done:
        ret

;---------------------------------------------------------------------------
; v86_run - read_sector in virtual-8086 mode
; in:       -
; out:      v86_ax, v86_ticks, v86_faults, fault_*
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, FS, GS, flags
; needs:    DS = SS = 0
;---------------------------------------------------------------------------
v86_run:
        mov     di, IDT_AT
        mov     ax, stubs
        mov     cx, 256
.gate:
        stosw                           ; offset
        mov     word [di], SEL_CODE
        mov     dword [di + 2], GATE_386
        add     di, 6
        add     ax, STUB_SIZE
        loop    .gate
        mov     di, TSS_AT
        mov     cx, (TSS_END - TSS_AT) / 2
        push    ax
        xor     ax, ax
        rep stosw
        pop     ax
        mov     dword [TSS_AT + TSS_ESP0], RING0_TOP
        mov     word [TSS_AT + TSS_SS0], SEL_FLAT
        mov     word [TSS_AT + TSS_IOMAP], TSS_SIZE
        mov     dword [TSS_END - 4], -1 ; the byte behind the bitmap
        mov     byte [gdt_tss + 5], 0x89 ; not busy
        mov     [real_sp], sp
        cli
        lgdt    [gdtr]
        lidt    [idtr]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     SEL_CODE:.protected
.protected:
        mov     ax, SEL_FLAT
        mov     ss, ax
        mov     esp, RING0_TOP
        mov     ax, SEL_TSS
        ltr     ax
        push    dword 0                 ; GS, FS, DS, ES
        push    dword 0
        push    dword 0
        push    dword 0
        push    dword 0                 ; SS
        push    dword V86_TOP
        push    dword FLAGS_V86
        push    dword 0                 ; CS
        push    dword v86_main
        o32 iret

v86_main:                               ; fallthrough: here the mode begins
        push    BDA
        pop     fs
        mov     esi, [fs:BDA_TICKS]
        push    esi
        call    read_sector
        pop     esi
        mov     [v86_ax], ax
        push    BDA
        pop     fs
        mov     eax, [fs:BDA_TICKS]
        sub     eax, esi
        mov     [v86_ticks], eax
        int     INT_LEAVE

stubs:                                  ; fallthrough: one for each vector
%assign vector 0
%rep 256
        push    dword vector - (vector & 0x80) * 2 ; a sign-extended byte, so that all have one size
        jmp     near v86_interrupt
  %assign vector vector + 1
%endrep
STUB_SIZE       equ ($ - stubs) / 256

;---------------------------------------------------------------------------
; v86_interrupt - the monitor [jump]
; in:       struc trap without PUSHAD, behind it an error code where the processor pushes one
; out:      back to virtual-8086 mode, at the real-mode vector; or v86_left
; clobbers: none
;---------------------------------------------------------------------------
v86_interrupt:
        pushad
        mov     ebp, esp
        mov     ax, SEL_FLAT
        mov     ds, ax
        cmp     ebp, RING0_TOP - trap_size
        jne     .exception              ; an error code: INT 0Dh by the clock chip's line has none
        movzx   esi, byte [ebp + trap.vector]
        cmp     si, INT_LEAVE
        je      v86_leave
        movzx   ebx, word [ebp + trap.ss]
        shl     ebx, 4
        sub     word [ebp + trap.esp], 6
        movzx   eax, word [ebp + trap.esp]
        add     ebx, eax
        mov     ax, [ebp + trap.eflags]
        mov     [ebx + 4], ax
        mov     ax, [ebp + trap.cs]
        mov     [ebx + 2], ax
        mov     ax, [ebp + trap.eip]
        mov     [ebx], ax
        mov     ax, [esi * 4]
        mov     [ebp + trap.eip], ax
        mov     ax, [esi * 4 + 2]
        mov     [ebp + trap.cs], ax
        and     word [ebp + trap.eflags], ~0x0300 ; IF, TF
        popad
        add     esp, 4
        o32 iret
.exception:                             ; everything lies 4 bytes higher
        inc     dword [v86_faults]
        movzx   ebx, word [ebp + 4 + trap.cs]
        shl     ebx, 4
        movzx   eax, word [ebp + 4 + trap.eip]
        add     ebx, eax
        mov     al, [ebx]
        cmp     al, OPCODE_HLT
        jne     .refuse
        inc     word [ebp + 4 + trap.eip]
        or      word [ebp + 4 + trap.eflags], FL_IF
        popad
        add     esp, 8
        o32 iret
.refuse:
        mov     [fault_opcode], al
        mov     byte [fault_end], 1
        mov     ax, [ebp + 4 + trap.cs]
        shl     eax, 16
        mov     ax, [ebp + 4 + trap.eip]
        mov     [fault_at], eax
v86_leave:                              ; fallthrough: to real mode
        mov     ax, SEL_REAL
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        mov     eax, cr0
        and     al, ~1
        mov     cr0, eax
        jmp     0:.real
.real:
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, [real_sp]
        lidt    [real_idtr]
        sti
        ret                             ; of v86_run

        align   8
gdt:    dq      0
        dw      0xFFFF, 0, 0x9A00, 0x0000 ; SEL_CODE
        dw      0xFFFF, 0, 0x9200, 0x00CF ; SEL_FLAT, 32-bit stack
        dw      0xFFFF, 0, 0x9200, 0x0000 ; SEL_REAL
gdt_tss:
        dw      TSS_END - TSS_AT - 1, TSS_AT, 0x8900, 0
gdtr:   dw      gdtr - gdt - 1
        dd      gdt
idtr:   dw      256 * 8 - 1
        dd      IDT_AT
real_idtr:
        dw      256 * 4 - 1
        dd      0
strange_gdtr:
        dw      0x1237
        dd      0x00ABC128

name_a20_read:  db "a20.closed-read", 0
name_a20_closed: db "a20.stays-closed", 0
name_open_read: db "a20.open-read", 0
name_a20_open:  db "a20.stays-open", 0
name_gdtr_read: db "gdtr.read", 0
name_gdtr:      db "gdtr.kept", 0
name_again:     db "real.again", 0

%include "report.inc"

GUEST_END
