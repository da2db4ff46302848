; A boot program that reads its disk in the states in which DOS programs leave a PC:
; A20 closed, a descriptor table of its own, virtual-8086 mode as under EMM386.
;   @fact v86 AX TICKS FAULTS   INT 13h AH=02h in virtual-8086 mode: what came back, how long it took,
;                               how many instructions the monitor had to stand in for
;   @fact fault CS:IP OPCODE    an instruction that no monitor lets through; the read ends there
; The monitor is v86.inc.

%include "guest.inc"
GUEST_BEGIN

BUFFER          equ 0x20000             ; sectors are read to here
PROBE_LBA_CHS   equ 0x0002              ; cylinder 0, sector 2: the second sector of this program
A20_PORT        equ 0x92
A20_OPEN        equ 2

VARIABLES
saved_gdtr:     resb 6
seen_gdtr:      resb 6
v86_ax:         resw 1
v86_ticks:      resd 1
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

        mov     ax, v86_read
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
        call    v86_report_fault
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

v86_read:                               ; fallthrough: what runs in the mode
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
        ret

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

%include "v86.inc"
%include "report.inc"

GUEST_END
