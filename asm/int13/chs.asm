; INT 13h: the functions that address by cylinder, head and sector.
;
; A place outside the geometry, and a range that leaves the disk, is a wrong parameter (01h) of which
; nothing is transferred, as with SeaBIOS: 04h stays for what the medium reports. A buffer may cross
; the end of its segment: its linear address goes on, as with every BIOS that moves data by DMA; one
; that leaves what segment:offset can reach is refused with 09h.
;
; A medium of 4096-byte blocks that is shown as such (SectorSize=Native) has no CHS addresses: its
; partition table counts other sectors than a CHS caller, who would write to wrong places. One call
; remains, that with which a BIOS loads the boot sector: read of one sector, 0/0/1.
%include "romgen.inc"
%include "int13.inc"

global int13_02_read_sectors:function
global int13_03_write_sectors:function
global int13_04_verify_sectors:function
global int13_08_parameters:function
global int13_0c_seek:function
global int13_15_disk_type:function
global int13_move:function
global int13_cylinders:data
global int13_heads:data
global int13_sectors:data
extern int13_transfer
extern int13_in_range
extern int13_buffer_fits
extern int13_bad_command
extern int13_succeed
extern int13_00_reset
extern int13_blocks
extern int13_chs_shift
extern int13_edd_shift
extern int13_shift
extern int13_done
extern disk_read
extern disk_write

INT13_FUNCTION 02, int13_02_read_sectors
INT13_FUNCTION 03, int13_03_write_sectors
INT13_FUNCTION 04, int13_04_verify_sectors
INT13_FUNCTION 08, int13_08_parameters
INT13_FUNCTION 0C, int13_0c_seek
INT13_FUNCTION 15, int13_15_disk_type

BSS int13
int13_cylinders: resd 1                 ; logical geometry; at most 1024
int13_heads:    resd 1                  ; at most 255
int13_sectors:  resd 1                  ; at most 63

CODE int13
;---------------------------------------------------------------------------
; int13_chs_range - the sectors that the caller means
; in:       SS:BP = INT13_FRAME: AL count, CX, DH
; out:      EDX:EAX = first, ECX = count; CF = 1: outside the disk or the geometry
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_chs_range:
        movzx   eax, word [bp + INT13_FRAME.cx]
        mov     bl, al
        xchg    al, ah                  ; CH = bits 7:0, CL[7:6] = bits 9:8
        shr     ah, 6
        cmp     ax, [int13_cylinders]
        jae     .outside
        movzx   edx, byte [bp + INT13_FRAME.dh]
        cmp     dx, [int13_heads]
        jae     .outside
        and     ebx, 3Fh
        dec     bx                      ; 1 is the first: 0 becomes FFFFh
        cmp     bx, [int13_sectors]
        jae     .outside
        imul    eax, [int13_heads]
        add     eax, edx
        imul    eax, [int13_sectors]
        add     eax, ebx
        xor     edx, edx
        movzx   ecx, byte [bp + INT13_FRAME.al]
        lea     bx, [ecx - 1]
        cmp     bx, INT13_CHS_COUNT
        jae     .outside
        mov     bl, [int13_chs_shift]
        mov     [int13_shift], bl
        cmp     bl, [int13_edd_shift]
        jne     .boot_sector_only
        jmp     int13_in_range
.boot_sector_only:
        mov     bx, [bp + INT13_FRAME.ax]
        sub     bx, 0201h               ; AH = 02, one sector,
        or      bx, ax                  ; at LBA 0: nothing else can give 0 here, as
        jnz     .outside                ; 65536 sectors lie behind the 16 bits of another one
        cmp     eax, 10000h
        cmc
        ret
.outside:
        stc
        ret

;---------------------------------------------------------------------------
; int13_02_read_sectors - read
; in:       SS:BP = INT13_FRAME: AL count, CX, DH; ES:BX buffer
; out:      CF = 0, AL = status; the frame's AL = sectors done
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_02_read_sectors:
        mov     si, disk_read
int13_chs_move: ; fallthrough: SI = disk_read or disk_write
        push    si
        call    int13_chs_range
        pop     si
        jc      .bad
        movzx   edi, word [bp + INT13_FRAME.es]
        shl     edi, 4
        movzx   ebx, word [bp + INT13_FRAME.bx]
        add     edi, ebx
        mov     ebx, REAL_MODE_END
        call    int13_move
        mov     ah, [int13_done]
        mov     [bp + INT13_FRAME.al], ah
        clc
        ret
.bad:
        mov     byte [bp + INT13_FRAME.al], 0
        jmp     int13_bad_command

;---------------------------------------------------------------------------
; int13_03_write_sectors - write
; in:       SS:BP = INT13_FRAME: AL count, CX, DH; ES:BX buffer
; out:      CF = 0, AL = status; the frame's AL = sectors done
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_03_write_sectors:
        mov     si, disk_write
        jmp     short int13_chs_move

;---------------------------------------------------------------------------
; int13_move - check the buffer, then transfer
; in:       EDX:EAX = first sector, ECX = count (not 0), EDI = linear address,
;           EBX = first linear address behind what may be used, SI = disk_read or disk_write
; out:      AL = status; int13_done = sectors done
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_move:
        and     dword [int13_done], byte 0
        push    eax
        push    edx
        call    int13_buffer_fits
        pop     edx
        pop     eax
        jnc     int13_transfer
        mov     al, INT13_DMA_BOUNDARY
        ret

;---------------------------------------------------------------------------
; int13_04_verify_sectors - are these sectors there?
; in:       SS:BP = INT13_FRAME: AL count, CX, DH
; out:      CF = 0, AL = status; the frame's AL = sectors that are there
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
; The target keeps its own checksums; what is asked here is the range, and whether the disk is there.
int13_04_verify_sectors:
        call    int13_chs_range
        jc      int13_chs_move.bad
        call    int13_00_reset
        cmp     al, INT13_OK
        je      .done
        mov     byte [bp + INT13_FRAME.al], 0
.done:
        clc
        ret

;---------------------------------------------------------------------------
; int13_0c_seek - is there such a cylinder and head?
; in:       SS:BP = INT13_FRAME: CX, DH
; out:      CF = 0, AL = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_0c_seek:
        mov     ax, [bp + INT13_FRAME.cx]
        xchg    al, ah
        shr     ah, 6
        cmp     ax, [int13_cylinders]
        jae     int13_bad_command
        mov     al, [bp + INT13_FRAME.dh]
        cmp     al, [int13_heads]
        jae     int13_bad_command
        jmp     int13_succeed

;---------------------------------------------------------------------------
; int13_08_parameters - geometry, as AH = 02 takes it: the last cylinder is not kept back
; in:       SS:BP = INT13_FRAME
; out:      CF = 0, AL = status; the frame: CX, DH last of each, DL number of hard disks, AL = 0
; clobbers: EAX, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_08_parameters:
        mov     al, [int13_chs_shift]
        cmp     al, [int13_edd_shift]
        jne     int13_bad_command
        mov     byte [bp + INT13_FRAME.al], 0
        mov     ax, [int13_cylinders]
        dec     ax
        xchg    al, ah
        shl     al, 6
        or      al, [int13_sectors]
        mov     [bp + INT13_FRAME.cx], ax
        mov     ah, [int13_heads]
        dec     ah
        push    BDA_SEGMENT
        pop     es
        mov     al, [es:BDA_DISK_COUNT]
        mov     [bp + INT13_FRAME.dx], ax
        jmp     int13_succeed

;---------------------------------------------------------------------------
; int13_15_disk_type - a hard disk, and its size as AH = 48h gives it
; in:       SS:BP = INT13_FRAME
; out:      CF = 1; the frame: AH = 3, CX:DX = sectors, at most FFFFFFFFh
; clobbers: EAX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_15_disk_type:
        mov     byte [bp + INT13_FRAME.ah], 3
        or      eax, -1
        cmp     dword [int13_blocks + 4], 0
        jne     .clipped
        mov     eax, [int13_blocks]
.clipped:
        mov     [bp + INT13_FRAME.dx], ax
        shr     eax, 16
        mov     [bp + INT13_FRAME.cx], ax
        stc
        ret
