; INT 13h: where the vector leads, whose drive it is, our stack, and the way back.
;
; Registers, also their upper halves, FS and GS come back as they were but for the results; of the
; caller's flags only CF changes (a caller that halts after the call needs its IF). While a function
; works, interrupts are on only where the caller had them on.
%include "romgen.inc"
%include "int13.inc"

global int13_entry:function
global int13_enter:function
global int13_leave:function
global int13_busy:data
global int13_chain:data
global int13_old:data
global int13_drive:data
global int13_last:data
global int13_count:data
global int13_caller:data
global int13_ds:data
extern int13_boot_read
extern tbl_int13
extern tbl_int13_end
extern stack_top

BSS int13
int13_caller:   resd 1                  ; the caller's ESP and SS, as LSS wants them
.ss:            resw 1
int13_ds:       resw 1                  ; the caller's DS
int13_return:   resw 1                  ; where int13_enter returns to
int13_busy:     resw 1                  ; bit 0: somebody is on stack_top. A second caller is refused
; Two instructions in RAM, made by int13_install: `pop ds`, `jmp far old`. Only so can a caller be
; handed on with all its registers: there is none left to hold the segment of the pointer.
int13_chain:    resw 1
int13_old:      resd 1                  ; the vector before us
int13_drive:    resb 1                  ; our number; 0 = none: everything is handed on
int13_last:     resb 1                  ; last drive that was moved up by one to give us 80h; 0 = none
int13_count:    resb 1                  ; least number of hard disks that 40:75 may say

; What the chained call keeps on the caller's stack
struc CHAIN_FRAME
.bp             resw 1
.al             resb 1
.function       resb 1
.dx             resw 1
.caller         resb INT13_CALLER_size
endstruc

CODE int13
;---------------------------------------------------------------------------
; int13_entry [jump] - INT 13h, from the stub in the data segment
; in:       DS = DGROUP; the stack: INT13_CALLER; other registers: the caller's
; out:      returns to the caller of INT 13h, or jumps to the handler before us
; clobbers: none
; needs:    10 bytes of the caller's stack for our drive, 22 where the call is handed on changed,
;           beside those of INT 13h itself
;---------------------------------------------------------------------------
int13_entry:
        cmp     dl, INT13_HARD_DISK
        jb      int13_hand_on
        call    int13_watch_count
        cmp     dl, [int13_drive]
        je      int13_own
        cmp     dl, [int13_last]
        jbe     int13_hand_on_changed
        cmp     ah, 08h                 ; its DL is the number of all hard disks
        je      int13_hand_on_changed
int13_hand_on: ; fallthrough: everything else
        push    ds
        push    int13_chain
        retf

;---------------------------------------------------------------------------
; int13_watch_count - raise the number of hard disks again where a BIOS has lowered it
; in:       none
; out:      none
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
; Some BIOSes write 40:75 anew after the ROMs ran.
int13_watch_count:
        push    ax
        push    es
        push    BDA_SEGMENT
        pop     es
        mov     al, [int13_count]
        cmp     [es:BDA_DISK_COUNT], al
        jae     .done
        mov     [es:BDA_DISK_COUNT], al
.done:
        pop     es
        pop     ax
        ret

;---------------------------------------------------------------------------
; int13_hand_on_changed [jump] - call the handler before us with the number it knows, put DL right
; in:       as int13_entry
; out:      returns to the caller of INT 13h
; clobbers: none
; needs:    as int13_entry
;---------------------------------------------------------------------------
; Works on the caller's stack: the handler before us may be entered again while it waits.
int13_hand_on_changed:
        push    dx
        push    ax
        push    bp
        mov     bp, sp
        cmp     dl, [int13_last]
        ja      .number_known
        dec     dx                      ; DL is above 80h: no borrow into DH
.number_known:
        push    word [bp + CHAIN_FRAME.caller + INT13_CALLER.flags]
        push    cs
        push    .back
        push    word [bp + CHAIN_FRAME.caller + INT13_CALLER.ds]
        push    ds
        push    int13_chain
        mov     bp, [bp + CHAIN_FRAME.bp]
        retf
.back:
        mov     bp, sp
        jc      .failed
        and     byte [bp + CHAIN_FRAME.caller + INT13_CALLER.flags], ~FLAGS_CF
        cmp     byte [bp + CHAIN_FRAME.function], 08h
        je      .number_of_disks
        cmp     byte [bp + CHAIN_FRAME.function], 15h
        jne     .restore
        cmp     ah, 3                   ; a hard disk: DX is the low half of its size
        je      .done
        jmp     short .restore
.number_of_disks:
        push    BDA_SEGMENT
        pop     ds
        mov     dl, [BDA_DISK_COUNT]
        jmp     short .done
.failed:
        or      byte [bp + CHAIN_FRAME.caller + INT13_CALLER.flags], FLAGS_CF
.restore:
        mov     dl, [bp + CHAIN_FRAME.dx]
.done:
        pop     bp
        add     sp, CHAIN_FRAME.caller - CHAIN_FRAME.al
        pop     ds
        iret

;---------------------------------------------------------------------------
; int13_refuse [jump] - called again before the first call is done: not ready
; in:       as int13_entry
; out:      AH = INT13_NOT_READY, CF = 1; returns to the caller of INT 13h
; clobbers: none
; needs:    as int13_entry
;---------------------------------------------------------------------------
int13_refuse:
        mov     ah, INT13_NOT_READY
        push    bp
        mov     bp, sp
        or      byte [bp + 2 + INT13_CALLER.flags], FLAGS_CF
        pop     bp
        pop     ds
        iret

;---------------------------------------------------------------------------
; int13_enter - from the caller's stack to ours
; in:       the stack: the caller's DS
; out:      CF = 0: returns on our stack, SS:BP = INT13_FRAME; CF = 1: somebody is on it already,
;           nothing has changed
; clobbers: EBP, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int13_enter:
        bts     word [int13_busy], 0    ; one instruction: the caller may have interrupts on
        jc      .busy
        pop     word [int13_return]
        mov     [int13_caller], esp
        mov     [int13_caller.ss], ss
        push    ds
        pop     ss                      ; holds interrupts off until ESP is loaded, too
        mov     esp, stack_top
        push    es
        push    fs
        push    gs
        pushad
        mov     bp, sp
        cld
        clc
        jmp     [int13_return]
.busy:
        ret

;---------------------------------------------------------------------------
; int13_leave [jump] - the way back from int13_enter, out of the interrupt
; in:       SP = as int13_enter left it; interrupts off
; out:      the registers from INT13_FRAME; returns to the interrupted
; clobbers: none
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_leave:
        popad
        pop     gs
        pop     fs
        pop     es
        lss     esp, [int13_caller]
        mov     word [int13_busy], 0
        pop     ds
        iret

;---------------------------------------------------------------------------
; int13_own [jump] - a call for our drive: change stacks, find the function, go back
; in:       as int13_entry
; out:      returns to the caller of INT 13h
; clobbers: none
; needs:    as int13_entry
;---------------------------------------------------------------------------
int13_own:
        call    int13_enter
        jc      int13_refuse
        mov     es, [int13_caller.ss]
        mov     bx, [int13_caller]
        mov     ax, [es:bx + INT13_CALLER.ds]
        mov     [int13_ds], ax
        test    word [es:bx + INT13_CALLER.flags], FLAGS_IF
        jz      .interrupts_off
        sti
.interrupts_off:
        call    int13_boot_read
        jc      .unknown
        mov     si, tbl_int13
.search:
        cmp     si, tbl_int13_end
        jae     .unknown
        cs lodsb
        cmp     al, [bp + INT13_FRAME.ah]
        cs lodsw                        ; LODS leaves the flags alone
        jne     .search
        call    ax
        jnc     .status
        mov     al, INT13_OK
        jmp     short .finish
.unknown:
        mov     al, INT13_BAD_COMMAND
.status:
        mov     [bp + INT13_FRAME.ah], al
.finish:
        cli
        push    BDA_SEGMENT
        pop     es
        mov     [es:BDA_DISK_STATUS], al
        mov     es, [int13_caller.ss]
        mov     bx, [int13_caller]
        and     byte [es:bx + INT13_CALLER.flags], ~FLAGS_CF
        cmp     al, INT13_OK
        je      int13_leave
        or      byte [es:bx + INT13_CALLER.flags], FLAGS_CF
        jmp     int13_leave
