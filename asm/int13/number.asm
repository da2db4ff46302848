; The number of our hard disk: taken at once, or (BootMode=Attach) behind everybody else's.
;
; With Attach the BIOS boots something else. The order in which it calls the boot connection vectors and
; counts its own disks is not ours, so we take no number there but hook INT 19h: then all others have
; theirs, and the first one still is 80h. Where there is no other, we are 80h, and the BIOS's own read of
; the boot sector is refused (int13_boot_read); what boots from elsewhere may read everything.
%include "romgen.inc"
%include "int13.inc"

global int13_take_number:function
global int13_set_vector:function
global int13_boot_read:function
global int19_entry:function
global int19_old:data
extern error_print
extern ev_boot_mode
extern ev_force_boot
extern int13_count
extern int13_cylinders
extern int13_drive
extern int13_fdpt
extern int13_heads
extern int13_last
extern int13_old_41
extern int13_old_46
extern int13_sectors
extern int13_table
extern print_message

BIOS_SEGMENT    equ 0F000h              ; the system BIOS runs from here up
EDD_BIT         equ 40h                 ; 42h is 02h with a packet
READ            equ 02h

BSS int13
int19_old:      resd 1                  ; the vector before us

CODE int13
;---------------------------------------------------------------------------
; int13_take_number - the next number of a hard disk becomes ours, or the first one (ForceBoot)
; in:       ev_force_boot, ev_boot_mode, 40:75, the geometry
; out:      int13_drive, int13_last, int13_count, 40:75, the parameter table
; clobbers: EAX, BX, DI, ES, flags
; needs:    DS = DGROUP; interrupts off; a number is left
;---------------------------------------------------------------------------
int13_take_number:
        push    BDA_SEGMENT
        pop     es
        movzx   eax, byte [es:BDA_DISK_COUNT]
        lea     bx, [eax + INT13_HARD_DISK]     ; BH = 0: nobody moves up
        cmp     byte [ev_force_boot], 0
        je      .number_known
        cmp     byte [ev_boot_mode], EV_MODE_BOOT
        jne     .number_known
        cmp     al, 0
        je      .number_known
        mov     bh, bl                  ; 80h..bl - 1 become 81h..bl
        mov     bl, INT13_HARD_DISK
.number_known:
        mov     [int13_drive], bl
        mov     [int13_last], bh
        inc     ax
        mov     [int13_count], al
        mov     [es:BDA_DISK_COUNT], al
        push    0
        pop     es                      ; fallthrough:
;---------------------------------------------------------------------------
; int13_set_tables - fixed disk parameter table, where our number has a vector for one
; in:       int13_drive, int13_last, the geometry; ES = 0
; out:      none
; clobbers: EAX, DI, flags
; needs:    DS = DGROUP; interrupts off
;---------------------------------------------------------------------------
int13_set_tables:
        mov     ax, [int13_cylinders]
        mov     [int13_fdpt + fdpt.cylinders], ax
        mov     [int13_fdpt + fdpt.landing_zone], ax
        mov     al, [int13_sectors]
        mov     [int13_fdpt + fdpt.sectors], al
        mov     word [int13_fdpt + fdpt.precompensation], -1
        mov     ah, FDPT_CONTROL
        mov     al, [int13_heads]
        mov     [int13_fdpt + fdpt.heads], al
        cmp     al, 8
        jbe     .few_heads
        or      ah, FDPT_MANY_HEADS
.few_heads:
        mov     [int13_fdpt + fdpt.control], ah
        mov     eax, [es:VECTOR_INT46]
        mov     [int13_old_46], eax
        mov     eax, [es:VECTOR_INT41]
        mov     [int13_old_41], eax
        mov     di, VECTOR_INT41
        cmp     byte [int13_drive], INT13_HARD_DISK + 1
        jb      .first
        ja      .done
        mov     di, VECTOR_INT46
        jmp     short .ours
.first:
        cmp     byte [int13_last], 0
        je      .ours
        mov     [es:VECTOR_INT46], eax  ; the disk that was 80h
.ours:
        mov     [int13_table], di
        mov     ax, int13_fdpt
        jmp     int13_set_vector
.done:
        mov     word [int13_table], 0
        ret

;---------------------------------------------------------------------------
; int13_set_vector - an interrupt vector to something in our data segment
; in:       ES:DI = vector, AX = offset in DGROUP
; out:      none
; clobbers: none
; needs:    DS = DGROUP; interrupts off
;---------------------------------------------------------------------------
int13_set_vector:
        mov     [es:di], ax
        mov     [es:di + 2], ds
        ret

;---------------------------------------------------------------------------
; int13_boot_read - is this the BIOS, about to boot the disk that is only attached?
; in:       ES:BX = INT13_CALLER; SS:BP = INT13_FRAME
; out:      CF = 1: yes
; clobbers: AL, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
; As another number than 80h the disk is booted only by somebody who chose it in the BIOS's menu.
int13_boot_read:
        cmp     byte [ev_boot_mode], EV_MODE_BOOT
        je      .no
        cmp     byte [int13_drive], INT13_HARD_DISK
        jne     .no
        mov     al, [bp + INT13_FRAME.ah]
        and     al, ~EDD_BIT
        cmp     al, READ
        jne     .no
        cmp     word [es:bx + INT13_CALLER.cs], BIOS_SEGMENT
        cmc
        ret
.no:
        clc
        ret

%if BOOT_BCV
;---------------------------------------------------------------------------
; int19_entry [jump] - INT 19h, from the stub in the data segment: the disk gets its number
; in:       DS = DGROUP; the stack: the caller's DS, the interrupt's frame
; out:      jumps to the handler before us
; clobbers: EAX
; needs:    a BIOS that is done with its own disks; 200 bytes of the caller's stack
;---------------------------------------------------------------------------
int19_entry:
        cmp     byte [int13_drive], 0
        jne     .done                   ; called again, by a system that gave up
        pushf
        pushad
        push    es
        cli
        push    BDA_SEGMENT
        pop     es
        mov     ax, ERR_INT13_TOO_MANY_DRIVES
        cmp     byte [es:BDA_DISK_COUNT], INT13_DRIVES_MAX
        jae     .none
        call    int13_take_number
        mov     si, int19_message
        call    print_message
        jmp     short .told
.none:
        call    error_print
.told:
        pop     es
        popad
        popf
.done:
        mov     eax, [int19_old]
        pop     ds
        push    eax
        retf

RODATA int13
MSG int19_message, "iSCSI disk ", F_HEX8, int13_drive, "h: attached, not booted", CRLF
%endif
