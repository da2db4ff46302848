; INT 13h: a geometry for a disk that has none: the one that its partition table was made with, or
; LBA translation as the BIOS does it for other disks.
%include "romgen.inc"
%include "int13.inc"

global int13_find_geometry:function
global int13_entry_geometry:function
global int13_translate:function
extern int13_transfer
extern int13_shift
extern int13_error
extern int13_chs_shift
extern int13_edd_shift
extern int13_blocks
extern int13_cylinders
extern int13_heads
extern int13_sectors
extern int13_shown_cylinders
extern disk_read

MBR_ENTRIES     equ 4
MBR_MAGIC       equ 0xAA55
MBR_ACTIVE      equ 0x80
MBR_TYPE_GPT    equ 0xEE                ; the protective entry says nothing about geometry
CYLINDER_LAST   equ 1023                ; written where the true one is beyond
GEOMETRY_SECTORS equ 63
GEOMETRY_HEADS  equ 255

INITDATA int13
; heads that BIOSes use with 63 sectors, the commonest first
int13_usual_heads: db GEOMETRY_HEADS, 240, 128, 64, 32, 16
int13_usual_heads_end:

INITCODE int13
;---------------------------------------------------------------------------
; int13_find_geometry - read the boot sector and choose a geometry
; in:       int13_blocks, int13_chs_shift
; out:      int13_cylinders, int13_heads, int13_sectors, int13_shown_cylinders;
;            CF = 1: the boot sector cannot be read, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP; 512 bytes of stack
;---------------------------------------------------------------------------
int13_find_geometry:
        push    bp
        sub     sp, INT13_SECTOR
        mov     bp, sp
        mov     al, [int13_chs_shift]
        mov     [int13_shift], al
        mov     cx, ss
        movzx   edi, cx
        shl     edi, 4
        movzx   eax, sp
        add     edi, eax
        xor     eax, eax
        cdq
        xor     ecx, ecx
        inc     cx
        mov     si, disk_read
        call    int13_transfer
        cmp     al, INT13_OK
        jne     .unreadable
        cmp     word [bp + MBR_SIGNATURE], MBR_MAGIC
        jne     .translate
        lea     si, [bp + MBR_TABLE]
        mov     cx, MBR_ENTRIES
.entry:
        push    cx
        call    int13_entry_geometry
        pop     cx
        jnc     .found
        add     si, mbr_entry_size
        loop    .entry
.translate:
        call    int13_translate
.found:
        call    int13_count_cylinders
        clc
.done:
        lea     sp, [bp + INT13_SECTOR]
        pop     bp
        ret
.unreadable:
        mov     ax, [int13_error]
        stc
        jmp     short .done

;---------------------------------------------------------------------------
; int13_entry_geometry - the geometry with which both ends of a partition fit their LBAs
; in:       SS:SI = mbr_entry
; out:      CF = 0: int13_heads, int13_sectors; CF = 1: the entry says nothing or contradicts itself
; clobbers: EAX, EBX, ECX, EDX, EDI, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_entry_geometry:
        test    byte [si + mbr_entry.boot], ~MBR_ACTIVE
        jnz     .nothing
        mov     al, [si + mbr_entry.type]
        cmp     al, 0
        je      .nothing
        cmp     al, MBR_TYPE_GPT
        je      .nothing
        cmp     dword [si + mbr_entry.start_lba], 0
        je      .nothing
        cmp     dword [si + mbr_entry.blocks], 0
        je      .nothing
        movzx   ebx, byte [si + mbr_entry.end_head]     ; a partition that ends with a cylinder
        inc     bx
        movzx   ecx, byte [si + mbr_entry.end_sector]
        and     cl, 3Fh
        mov     di, int13_usual_heads
.try:
        push    di
        call    int13_try_geometry
        pop     di
        jnc     .fits
        cmp     di, int13_usual_heads_end
        je      .nothing
        movzx   ebx, byte [cs:di]
        inc     di
        mov     cl, GEOMETRY_SECTORS
        jmp     short .try
.fits:
        mov     [int13_heads], ebx
        mov     [int13_sectors], ecx
        ret
.nothing:
        stc
        ret

;---------------------------------------------------------------------------
; int13_try_geometry - do both ends of a partition fit their LBAs?
; in:       SS:SI = mbr_entry, EBX = heads, ECX = sectors
; out:      CF = 1: no, or no such geometry
; clobbers: EAX, EDX, EDI, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_try_geometry:
        cmp     bh, 0                   ; 256 heads: DOS and many a boot program fail with them
        jne     int13_address_fits.no
        cmp     cl, 0
        je      int13_address_fits.no
        mov     edx, [si + mbr_entry.start_lba]
        lea     di, [si + mbr_entry.start_head]
        call    int13_address_fits
        jc      int13_address_fits.done
        add     edx, [si + mbr_entry.blocks]
        dec     edx
        lea     di, [si + mbr_entry.end_head]

;---------------------------------------------------------------------------
; int13_address_fits - is this the CHS address of this LBA?
; in:       SS:DI = head, sector, cylinder as in mbr_entry; EDX = LBA; EBX = heads, ECX = sectors
; out:      CF = 1: no
; clobbers: EAX, EDI, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_address_fits:
        movzx   eax, word [di + mbr_entry.start_sector - mbr_entry.start_head]
        movzx   edi, byte [di]
        push    dx
        mov     dl, al
        and     dx, 3Fh
        xchg    al, ah
        shr     ah, 6
        cmp     ax, CYLINDER_LAST
        je      .fits                   ; beyond what can be written: CF = 0
        dec     dx
        cmp     dx, cx
        jae     .differs
        cmp     di, bx
        jae     .differs
        imul    eax, ebx
        add     eax, edi
        imul    eax, ecx
        movzx   edi, dx
        add     eax, edi
        pop     dx
        cmp     eax, edx
        je      .done                   ; CF = 0
.no:
        stc
.done:
        ret
.differs:
        stc
.fits:
        pop     dx
        ret

;---------------------------------------------------------------------------
; int13_translate - LBA translation: 63 sectors, heads by the size
; in:       int13_blocks
; out:      int13_heads, int13_sectors
; clobbers: EAX, ECX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
; As SeaBIOS: heads double from 16 while more 63-sector tracks than they make are left in each of 1024
; cylinders; 255 stand for 256, with which DOS fails.
int13_translate:
        call    int13_blocks_32
        xor     edx, edx
        mov     ecx, GEOMETRY_SECTORS * INT13_CYLINDERS
        div     ecx
        mov     ecx, 16
.next:
        cmp     eax, ecx
        jbe     .done
        shl     cl, 1
        jnc     .next
        dec     cx                      ; 0 after 128: 255
        mov     ch, 0
.done:
        mov     [int13_heads], ecx
        mov     dword [int13_sectors], GEOMETRY_SECTORS
        ret

;---------------------------------------------------------------------------
; int13_blocks_32 - the size of the disk
; in:       int13_blocks
; out:      EAX = sectors, at most FFFFFFFFh
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int13_blocks_32:
        or      eax, -1
        cmp     dword [int13_blocks + 4], 0
        jne     .done
        mov     eax, [int13_blocks]
.done:
        ret

;---------------------------------------------------------------------------
; int13_count_cylinders - cylinders from size, heads and sectors
; in:       int13_blocks, int13_heads, int13_sectors, the shifts
; out:      int13_cylinders: 1 to 1024; int13_shown_cylinders: the same where they reach the whole
;           disk, else EDD_CYLINDERS_MAX
; clobbers: EAX, EBX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int13_count_cylinders:
        call    int13_blocks_32
        mov     ebx, [int13_heads]
        imul    ebx, [int13_sectors]
        xor     edx, edx
        div     ebx
        mov     edx, EDD_CYLINDERS_MAX
        cmp     eax, INT13_CYLINDERS
        ja      .clip
        test    ax, ax
        jnz     .count_known
        inc     ax                      ; less than a cylinder: the size is checked beside it
.count_known:
        mov     bl, [int13_chs_shift]
        cmp     bl, [int13_edd_shift]
        jne     .done                   ; blocks of 4096 bytes shown as such
        mov     edx, eax
        jmp     short .done
.clip:
        mov     eax, INT13_CYLINDERS
.done:
        mov     [int13_cylinders], eax
        mov     [int13_shown_cylinders], edx
        ret
