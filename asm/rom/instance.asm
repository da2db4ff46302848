; Several adapters with the ROM in one machine: who else has put a disk there.
;
; Each instance that serves a disk leaves its data segment in its ROM's header (rom_header.instance, behind
; the owner's mark), while the ROM can be written; its data segment tells the rest (struc instance).
%include "romgen.inc"
%include "rom.inc"

global instance_check:function
global instance_publish:function
global instance_other:data

extern boot_bdf, boot_rom
extern ev_force_boot
extern instance_here
extern int13_drive
extern login_target_name
extern rom_store
extern session_lun

ROM_STEP        equ 80h
ROM_LAST        equ 0F000h
ROM_SIGNATURE   equ 0AA55h
DRIVE_FIRST     equ 80h

BSS instance
instance_other: resw 1          ; data segment of another instance that serves a disk; 0 = none

INITCODE instance
;---------------------------------------------------------------------------
; instance_check - does another instance serve a disk, even this one?
; in:       the session: login_target_name, session_lun
; out:      CF = 0: another disk or none; instance_other; ev_force_boot = 0 where the other is 80h, for
;           the first of our adapters boots; CF = 1: the same disk, instance_other serves it
; clobbers: AX, BX, CX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
; The same disk: target name and LUN are the same. The name of a target is unique (RFC 7143, 4.2.7).
instance_check:
        mov     bx, ROM_FIRST
.rom:
        mov     es, bx
        cmp     word [es:rom_header.signature], ROM_SIGNATURE
        jne     .next
        cmp     word [es:rom_header.owner], ROM_OWNER
        jne     .next
        mov     cx, [es:rom_header.instance]
        jcxz    .next
        mov     es, cx
        mov     [instance_other], cx
        mov     si, session_lun
        mov     di, [es:instance_here + instance.lun]
        cmpsd
        jne     .other
        cmpsd
        jne     .other
        mov     si, [login_target_name]
        mov     di, [es:instance_here + instance.name]
.char:
        lodsb
        scasb
        jne     .other
        cmp     al, 0
        jne     .char
        stc
        ret
.other:
        mov     di, [es:instance_here + instance.drive]
        cmp     byte [es:di], DRIVE_FIRST
        jne     .next
        mov     byte [ev_force_boot], 0
.next:
        add     bx, ROM_STEP
        cmp     bx, ROM_LAST
        jb      .rom
        clc
        ret

;---------------------------------------------------------------------------
; instance_publish - tell the instances that come later of our disk
; in:       the session, boot_bdf, int13_drive
; out:      nothing; where the ROM cannot be written nobody will know
; clobbers: AX, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
instance_publish:
        mov     word [instance_here + instance.drive], int13_drive
        mov     word [instance_here + instance.bdf], boot_bdf
        mov     word [instance_here + instance.lun], session_lun
        mov     ax, [login_target_name]
        mov     [instance_here + instance.name], ax
        mov     es, [boot_rom]
        mov     di, rom_header.instance
        mov     ax, ds
        push    ax
        call    rom_store
        pop     ax
        mov     al, ah
        inc     di
        jmp     rom_store
