; INT 13h: AH = 48h, what the disk is and where. Phoenix EDD 3.0 and T13 1572D differ in the length of
; the device path: a caller with room for T13's gets that (Linux takes no other).
;
; There is no interface string for iSCSI: the adapter that the disk hangs on is given as a SCSI host.
%include "romgen.inc"
%include "int13.inc"

global int13_48_parameters_extended:function
global int13_shown_cylinders:data
extern int13_bad_command
extern int13_succeed
extern int13_heads
extern int13_sectors
extern int13_blocks
extern int13_ds
extern int13_edd_shift
extern disk_block_size
extern boot_bdf
extern session_lun
extern session_target

INT13_FUNCTION 48, int13_48_parameters_extended

BSS int13
int13_shown_cylinders: resd 1           ; EDD_CYLINDERS_MAX: the geometry does not reach the whole disk
int13_params:   resb EDD_SIZE_T13

CODE int13
;---------------------------------------------------------------------------
; int13_48_parameters_extended - fill the caller's buffer
; in:       SS:BP = INT13_FRAME: SI; int13_ds
; out:      CF = 0, AL = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_48_parameters_extended:
        mov     es, [int13_ds]
        mov     di, [bp + INT13_FRAME.si]
        mov     cx, [es:di + edd_params.size]
        mov     bx, EDD_SIZE_T13
        cmp     cx, bx
        jae     .size_known
        mov     bl, edd_params_size
        cmp     cx, bx
        jae     .size_known
        mov     bl, edd_params.key
        cmp     cx, bx
        jae     .size_known
        mov     bl, edd_params.dpte
        cmp     cx, bx
        jae     .size_known
        jmp     int13_bad_command
.size_known:
        call    int13_build_params
        mov     es, [int13_ds]
        mov     di, [bp + INT13_FRAME.si]
        mov     si, int13_params
        mov     cx, bx
        rep movsb
        jmp     int13_succeed

;---------------------------------------------------------------------------
; int13_build_params - the answer of AH = 48h in int13_params
; in:       BX = its size
; out:      none
; clobbers: EAX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_build_params:
        push    ds
        pop     es
        mov     di, int13_params
        mov     ax, bx
        stosw                           ; size
        mov     ax, EDD_FLAG_DMA | EDD_FLAG_CHS
        mov     edx, [int13_shown_cylinders]
        cmp     dx, EDD_CYLINDERS_MAX
        jne     .flags_known
        mov     al, EDD_FLAG_DMA
.flags_known:
        stosw                           ; flags
        mov     eax, edx
        stosd                           ; cylinders
        mov     eax, [int13_heads]
        stosd
        mov     eax, [int13_sectors]
        stosd
        mov     si, int13_blocks
        movsd                           ; total_sectors
        movsd
        mov     eax, [disk_block_size]
        mov     cl, [int13_edd_shift]
        shr     eax, cl
        stosw                           ; sector_size
        or      eax, -1
        stosd                           ; dpte: none, this is no ATA disk
        mov     ax, EDD_KEY
        stosw                           ; key
        movzx   eax, bl
        sub     al, edd_params.key
        stosd                           ; path_length, reserved
        mov     eax, 'PCI '
        stosd                           ; host_bus
        mov     eax, 'SCSI'
        stosd                           ; interface
        mov     eax, '    '
        stosd
        movzx   eax, byte [boot_bdf]
        mov     ah, al
        and     ah, 7
        shr     al, 3
        shl     eax, 8
        mov     al, [boot_bdf + 1]
        stosd                           ; interface_path: bus, device, function, channel 0
        xor     eax, eax
        mov     cx, (EDD_SIZE_T13 - edd_params.interface_path - 4) / 2
        push    di
        rep stosw                       ; the rest of it and everything behind it
        pop     di
        add     di, 4                   ; device_path
        mov     si, session_lun         ; of the target in use
        cmp     bl, EDD_SIZE_T13
        je      .t13
        lodsw
        mov     [di], ah                ; Phoenix: the LUN, one byte
        jmp     short .checksum
.t13:
        mov     al, [session_target]    ; SCSI id: 0, after a fail-over 1
        stosb
        inc     di
        mov     cx, 4
.lun:
        lodsw                           ; LUN: four big-endian words to one number, as Linux counts
        xchg    al, ah
        stosw
        loop    .lun
.checksum:
        cmp     bl, edd_params.key
        jbe     .done                   ; no room for path information
        mov     si, int13_params + edd_params.key
        lea     cx, [bx - edd_params.key - 1]
        xor     dx, dx
.sum:
        lodsb
        sub     dl, al
        loop    .sum
        mov     [si], dl                ; the last byte: all sum up to 0
.done:
        ret
