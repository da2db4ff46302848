; INT 13h: becoming one of the BIOS's hard disks, and ceasing to be one.
%include "romgen.inc"
%include "int13.inc"

global int13_install:function
global int13_remove:function
global int13_fdpt:data
global int13_old_41:data
global int13_old_46:data
global int13_table:data
extern stub_int13
extern stub_int08
extern stub_set
extern int13_entry
extern int13_busy
extern int08_entry
extern int08_old
extern error_detail
extern int13_chain
extern int13_old
extern int13_drive
extern int13_last
extern int13_count
extern int13_blocks
extern int13_bounce
extern int13_chs_shift
extern int13_edd_shift
extern int13_find_geometry
extern disk_blocks
extern disk_block_size
extern ev_sector_size
extern ev_boot_mode
extern int13_set_vector
extern int13_take_number
extern int19_entry
extern int19_old
extern stub_int19

EV_SECTOR_512   equ 1
BLOCK_4K        equ 4096
BOUNCE_KIB      equ 4
BASE_MEMORY_MIN equ 128                 ; KiB: less cannot boot anything
OPCODE_POP_DS   equ 0x1F
OPCODE_JMP_FAR  equ 0xEA

BSS int13
int13_fdpt:     resb fdpt_size
int13_old_41:   resd 1                  ; INT 41h and 46h before us
int13_old_46:   resd 1
int13_table:    resw 1                  ; the vector that leads to int13_fdpt; 0 = none
int13_base:     resw 1                  ; 40:13 as we left it; 0 = nothing taken

INITCODE int13
;---------------------------------------------------------------------------
; int13_install - the open disk becomes a hard disk of the BIOS
; in:       disk_blocks, disk_block_size; ev_force_boot, ev_boot_mode, ev_sector_size
; out:      CF = 0: vectors are hooked, the number is ours or (BootMode=Attach) comes at INT 19h;
;           int13_busy = 1: no interrupt uses stack_top until the caller sets it to 0;
;           CF = 1, AX = error: nothing is hooked and no memory taken
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP; the session open; on stack_top
;---------------------------------------------------------------------------
int13_install:
        call    int13_set_units
        jc      .done
        call    int13_find_geometry
        jc      int13_return_memory
        push    BDA_SEGMENT
        pop     es
        movzx   eax, byte [es:BDA_DISK_COUNT]
        cmp     al, INT13_DRIVES_MAX
        jae     .no_number
        mov     word [int13_busy], 1    ; until the boot connection vector is off our stack
        pushf
        cli
        push    0
        pop     es
        mov     eax, [es:VECTOR_INT13]
        mov     [int13_old], eax
        mov     word [int13_chain], OPCODE_JMP_FAR << 8 | OPCODE_POP_DS
        mov     bx, stub_int13
        mov     ax, int13_entry
        call    stub_set
        xchg    ax, bx
        mov     di, VECTOR_INT13
        call    int13_set_vector
        mov     eax, [es:VECTOR_INT08]
        mov     [int08_old], eax
        mov     bx, stub_int08
        mov     ax, int08_entry
        call    stub_set
        xchg    ax, bx
        mov     di, VECTOR_INT08
        call    int13_set_vector
%if BOOT_BCV
        cmp     byte [ev_boot_mode], EV_MODE_BOOT
        je      .number
        mov     eax, [es:VECTOR_INT19]
        mov     [int19_old], eax
        mov     bx, stub_int19
        mov     ax, int19_entry
        call    stub_set
        xchg    ax, bx
        mov     di, VECTOR_INT19
        call    int13_set_vector
        jmp     short .hooked
.number:
%endif
        call    int13_take_number
.hooked:
        popf
        clc
.done:
        ret
.no_number:
        mov     [error_detail], eax
        mov     ax, ERR_INT13_TOO_MANY_DRIVES
        jmp     int13_return_memory

;---------------------------------------------------------------------------
; int13_set_units - what callers count in, and a buffer where that is less than a block
; in:       disk_blocks, disk_block_size, ev_sector_size
; out:      int13_blocks, int13_chs_shift, int13_edd_shift, int13_bounce; CF = 1, AX = error
; clobbers: EAX, CX, EDX, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int13_set_units:
        mov     word [int13_base], 0
        xor     cx, cx                  ; CL = CHS functions, CH = EDD functions
        mov     eax, [disk_block_size]
        cmp     eax, INT13_SECTOR
        je      .units_known
        cmp     eax, BLOCK_4K
        jne     .unknown_size
        push    BDA_SEGMENT
        pop     es
        movzx   eax, word [es:BDA_BASE_MEMORY]
        cmp     ax, BASE_MEMORY_MIN
        jb      .no_memory
        sub     ax, BOUNCE_KIB
        mov     [es:BDA_BASE_MEMORY], ax
        mov     [int13_base], ax
        shl     ax, 6                   ; KiB to paragraphs
        mov     [int13_bounce], ax
        mov     cl, SECTOR_SHIFT_4K
        cmp     byte [ev_sector_size], EV_SECTOR_512
        jne     .units_known
        mov     ch, cl
.units_known:
        mov     [int13_chs_shift], cl
        mov     [int13_edd_shift], ch
        mov     cl, ch
        mov     eax, [disk_blocks]
        mov     edx, [disk_blocks + 4]
        shld    edx, eax, cl
        shl     eax, cl
        mov     [int13_blocks], eax
        mov     [int13_blocks + 4], edx
        clc
        ret
.unknown_size:
        mov     [error_detail], eax
        FAIL    INT13_BLOCK_SIZE
.no_memory:
        mov     [error_detail], eax
        FAIL    INT13_NO_MEMORY

;---------------------------------------------------------------------------
; int13_return_memory - give back what int13_set_units took, after a failure
; in:       AX = error
; out:      CF = 1, AX = error
; clobbers: ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int13_return_memory:
        push    ax
        mov     ax, [int13_base]
        test    ax, ax
        jz      .done
        push    BDA_SEGMENT
        pop     es
        cmp     [es:BDA_BASE_MEMORY], ax
        jne     .done                   ; somebody took more below: it stays taken
        add     word [es:BDA_BASE_MEMORY], BOUNCE_KIB
.done:
        mov     word [int13_base], 0
        pop     ax
        stc
        ret

;---------------------------------------------------------------------------
; int13_remove - cease to be a hard disk of the BIOS
; in:       none
; out:      CF = 1: somebody has hooked a vector after us. All is handed on from now, and the data
;           segment must stay where it is
; clobbers: EAX, BX, CX, EDX, DI, ES, flags
; needs:    DS = SS = DGROUP; int13_install has succeeded
;---------------------------------------------------------------------------
int13_remove:
        pushf
        cli
        xor     bx, bx
        mov     es, bx
        mov     di, [int13_table]
        test    di, di
        jz      .no_table
        mov     ax, int13_fdpt
        call    int13_is_ours
        jne     .no_table
        mov     eax, [int13_old_41]
        mov     [es:VECTOR_INT41], eax
        mov     eax, [int13_old_46]
        mov     [es:VECTOR_INT46], eax
.no_table:
        mov     word [int13_busy], 1    ; the timer tick does nothing more
        mov     di, VECTOR_INT08
        mov     ax, stub_int08
        mov     edx, [int08_old]
        call    int13_unhook
        mov     di, VECTOR_INT13
        mov     ax, stub_int13
        mov     edx, [int13_old]
        call    int13_unhook
        push    BDA_SEGMENT
        pop     es
        mov     al, [int13_count]
        cmp     [es:BDA_DISK_COUNT], al
        jne     .count_known            ; others came after us and keep their numbers
        dec     byte [es:BDA_DISK_COUNT]
.count_known:
        xor     ax, ax
        mov     [int13_drive], al
        mov     [int13_last], al
        mov     [int13_count], al
        call    int13_return_memory
        popf
        cmp     bx, 2                   ; both vectors were ours
        ret

;---------------------------------------------------------------------------
; int13_unhook - give a vector back if it still is ours
; in:       ES:DI = vector, AX = offset of the stub, EDX = what it was, BX = number given back so far
; out:      BX = that, now
; clobbers: BX, CX, flags
; needs:    DS = DGROUP; interrupts off
;---------------------------------------------------------------------------
int13_unhook:
        call    int13_is_ours
        jne     .done
        mov     [es:di], edx
        inc     bx
.done:
        ret

;---------------------------------------------------------------------------
; int13_is_ours - does a vector lead to this place in our data segment?
; in:       ES:DI = vector, AX = offset in DGROUP
; out:      ZF = 1: yes
; clobbers: CX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int13_is_ours:
        cmp     [es:di], ax
        jne     .done
        mov     cx, ds
        cmp     [es:di + 2], cx
.done:
        ret
